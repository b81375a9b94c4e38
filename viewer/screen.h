// Frames: panes, plots and panels drawn with OpenGL, into a window or into memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "viewer/canvas.h"
#include "viewer/gl.h"

namespace fewstep {

// Keys that edit a text.
enum class EditKey { kBackspace, kDelete, kLeft, kRight, kHome, kEnd, kEnter, kEscape, kTab };

// Mouse and keyboard during one frame, in pixels of the frame.
struct Input {
  Point mouse = {-1e6f, -1e6f};
  bool left = false, right = false, middle = false;  // buttons that are down
  float wheel = 0;                                   // notches since the last frame
  bool control = false, shift = false;
  std::string text;             // typed since the last frame
  std::vector<EditKey> edited;  // pressed since the last frame
};

enum class FrameTarget { kScreen, kMemory };

// One at a time; used by the thread whose context it is, while that exists.
class Screen {
 public:
  // On a processor smooth edges cost most of the time that there is; kSpeed leaves them out there.
  enum class Quality { kSmooth, kSpeed };

  // Everything is `scale` times as large as on a plain display. Throws Error(kRuntime) when OpenGL
  // is too old.
  Screen(const GlContext& context, double scale, Quality quality);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Frames: Begin, then drawing on the canvas and Dear ImGui's panels, then End. Throws
  // Error(kRuntime) when the context was lost.
  void Begin(int width, int height, const Input& input, FrameTarget target);
  Canvas& canvas();
  void End();
  // Waits until the last frame is drawn.
  void Finish() { gl_.Finish(); }
  // What the last frame, into memory, looks like.
  Image Read();

  void SetScale(double scale);
  bool software() const { return gl_.software; }
  const std::string& renderer() const { return gl_.renderer; }
  // Whether a panel has the mouse, or a field the keyboard.
  bool panel_has_mouse() const;
  bool panel_has_keys() const;

 private:
  class ScreenCanvas;
  void LoadFonts();
  GLuint TextureOf(const Image& image);
  void UseModel(const std::shared_ptr<const mjModel>& model);
  void Clear();
  void DrawPanels();
  void BeginPanels();
  void EndPanels();

  struct SceneCall {
    mjrRect viewport;
    mjvScene* scene;
  };

  const GlContext& context_;
  Gl gl_;
  float scale_;
  Quality quality_;
  int width_ = 0, height_ = 0;
  FrameTarget target_ = FrameTarget::kScreen;
  GLuint font_texture_ = 0;
  std::shared_ptr<const mjModel> blank_, model_;  // model_ is the one that mujoco_ draws
  mjrContext mujoco_{};
  std::vector<SceneCall> scenes_;  // of this frame

  // Pictures by their content.
  struct Texture {
    GLuint name = 0;
    int64_t frame = 0;  // in which it was drawn last
  };
  std::map<uint64_t, Texture> textures_;
  int64_t frame_ = 0;
  std::unique_ptr<ScreenCanvas> canvas_;
};

}  // namespace fewstep
