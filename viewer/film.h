// What is done with the pictures of a film: a video, a folder of PNGs, a sheet of some of them.
#pragma once

#include <memory>
#include <string>

#include "viewer/image.h"

namespace fewstep {

// Takes pictures of one size, one after the other. A file is whole after Close, and until then not
// there, or as it was before; of a folder each picture.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // Whether picture `index` is wanted, which may be the last one; and whether later ones are.
  virtual bool Wants(int /*index*/, bool /*last*/) const { return true; }
  virtual bool WantsMore(int /*index*/) const { return true; }
  // Both throw Error(kRuntime) when it cannot be written.
  virtual void Add(const Image& image) = 0;
  virtual void Close() = 0;
};

// All of these make the folder that their file lies in. They throw Error(kRuntime) when nothing can
// be written there.

// A video of `fps` pictures a second, whose kind the name's end says: .mp4, .webm, or .gif, for
// which the colours are chosen from all pictures. ffmpeg makes it; throws Error(kRuntime) with what
// to install when there is none, and Error(kUsage) for another end or a size of no video.
std::unique_ptr<FrameSink> MakeVideo(const std::string& path, int width, int height, int fps);

// FOLDER/000000.png and on. Throws Error(kUsage) when the folder holds anything already.
std::unique_ptr<FrameSink> MakeFrameFolder(const std::string& folder);

// `columns` x `rows` of the pictures, from the first to the last at about equal distances, each
// `shrink` times smaller, in one PNG.
std::unique_ptr<FrameSink> MakeContactSheet(const std::string& path, int columns, int rows,
                                            int shrink);

// Picture `index` alone, or the last one when there are fewer, as a PNG.
std::unique_ptr<FrameSink> MakeSinglePicture(const std::string& path, int index);

}  // namespace fewstep
