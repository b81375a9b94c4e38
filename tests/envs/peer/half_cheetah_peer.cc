// Compares our half-cheetah with gymnasium's, given as a path: every field of the compiled model
// but those of appearance and names, bit for bit, then 1,000 control steps under the same controls.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include <mujoco/mjxmacro.h>

#include "core/error.h"
#include "core/rng.h"
#include "envs/families/half_cheetah/half_cheetah.h"
#include "envs/mujoco/mujoco_simulation.h"

namespace fewstep {
namespace {

// Fields that no step reads: what things look like, where lights hang, what things are called, and
// user data of the modeller.
bool IsExcepted(std::string_view field) {
  static const std::set<std::string_view> kNamed = {
      // counts and addresses of textures, materials, names and user data, and the memory they take
      "ntex",    "ntexdata",  "nmat",       "nnames",    "nnames_map", "nuser_geom", "narena",
      "nbuffer", "geom_rgba", "geom_matid", "geom_user", "names",      "names_map"};
  for (const std::string_view prefix : {"light_", "tex_", "mat_", "name_"}) {
    if (field.starts_with(prefix)) return true;
  }
  return kNamed.contains(field);
}

// Prints every difference in a field that is not excepted; returns how many there are.
int CompareModels(const mjModel* a, const mjModel* b, int* num_compared) {
  int differences = 0;
  const auto report = [&](const char* field, bool same) {
    if (IsExcepted(field)) return;
    ++*num_compared;
    if (same) return;
    ++differences;
    std::printf("%s differs\n", field);
  };
#define X(name) report(#name, a->name == b->name);
  MJMODEL_SIZES
#undef X
  MJMODEL_POINTERS_PREAMBLE(a)
#define X(type, name, rows, columns)                                                            \
  report(#name, a->rows == b->rows && std::memcmp(a->name, b->name,                             \
                                                  sizeof(type) * static_cast<size_t>(a->rows) * \
                                                      static_cast<size_t>(columns)) == 0);
#define XNV X
  MJMODEL_POINTERS
#undef XNV
#undef X
#define X(type, name, size) report("opt." #name, a->opt.name == b->opt.name);
#define XVEC(type, name, size) \
  report("opt." #name, std::equal(a->opt.name, a->opt.name + size, b->opt.name));
  MJOPTION_FIELDS
#undef XVEC
#undef X
  report("stat", std::memcmp(&a->stat, &b->stat, sizeof(a->stat)) == 0);
  return differences;
}

// The largest difference of a state over 1,000 control steps of five substeps.
double CompareTrajectories(const mjModel* a, const mjModel* b) {
  const DataPtr x = MakeData(a), y = MakeData(b);
  Rng rng(1);
  double largest = 0;
  for (int step = 0; step < 1000; ++step) {
    for (int i = 0; i < a->nu; ++i) x->ctrl[i] = y->ctrl[i] = rng.Uniform(-1, 1);
    for (int substep = 0; substep < 5; ++substep) {
      mj_step(a, x.get());
      mj_step(b, y.get());
    }
    for (int i = 0; i < a->nq; ++i) largest = std::fmax(largest, std::abs(x->qpos[i] - y->qpos[i]));
    for (int i = 0; i < a->nv; ++i) largest = std::fmax(largest, std::abs(x->qvel[i] - y->qvel[i]));
  }
  return largest;
}

int Compare(const char* path) {
  // the peer's file as it is; the engine's own flag is the only thing it does not set
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  const ModelPtr peer = CompileModel(text.str(), {}, path, Textures::kKeep);
  peer->opt.disableflags |= mjDSBL_AUTORESET;

  // ours as it is simulated
  MujocoDefinition definition = half_cheetah::Define(half_cheetah::PublishedDefinitions()[0]);
  const ModelPtr ours = CompileModel(definition.mjcf, {}, "half_cheetah.xml", Textures::kDrop);
  const int64_t warnings = MujocoWarningCount();
  definition.configure_model(ours.get(), MakeData(ours.get()).get(), definition.context.get());
  ours->opt.disableflags |= mjDSBL_AUTORESET;

  int num_compared = 0;
  const int differences = CompareModels(ours.get(), peer.get(), &num_compared);
  const double distance = CompareTrajectories(ours.get(), peer.get());
  std::printf("%d fields compared, %d differ; 1000 control steps: largest difference %g\n",
              num_compared, differences, distance);
  return differences == 0 && num_compared > 100 && distance <= 1e-9 &&
                 MujocoWarningCount() == warnings
             ? 0
             : 1;
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: compare_half_cheetah PATH\n");
    return 2;
  }
  try {
    return fewstep::Compare(argv[1]);
  } catch (const fewstep::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
