// Watches what the calling thread takes from operator new, to prove that a reader does not believe
// the sizes that a file declares.
#pragma once

#include <cstddef>

namespace fewstep {

class AllocationWatch {
 public:
  AllocationWatch();   // starts; one at a time a thread
  ~AllocationWatch();  // stops

  size_t largest() const;  // bytes of the largest single request since the start
};

}  // namespace fewstep
