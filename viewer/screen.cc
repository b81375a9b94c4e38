#include "viewer/screen.h"

#include <algorithm>
#include <cmath>
#include <imgui.h>

#include "core/error.h"
#include "embedded/font.h"
#include "envs/mujoco/mujoco_model.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

// Letters of each TextSize, in pixels of a plain display.
constexpr float kLetters[] = {12.5f, 15, 18};
constexpr size_t kNormalSize = 1;

constexpr GLenum kMatrices[] = {GL_TEXTURE, GL_PROJECTION, GL_MODELVIEW};

ImU32 Packed(const Color& color) {
  return ImGui::ColorConvertFloat4ToU32({color.red, color.green, color.blue, color.alpha});
}
ImVec2 Vec(Point point) { return {point.x, point.y}; }

// What an editing key is to Dear ImGui, and whether it is down: pressed for one frame.
void TellKeys(const Input& input) {
  constexpr std::pair<EditKey, ImGuiKey_> kKeys[] = {{EditKey::kBackspace, ImGuiKey_Backspace},
                                                     {EditKey::kDelete, ImGuiKey_Delete},
                                                     {EditKey::kLeft, ImGuiKey_LeftArrow},
                                                     {EditKey::kRight, ImGuiKey_RightArrow},
                                                     {EditKey::kHome, ImGuiKey_Home},
                                                     {EditKey::kEnd, ImGuiKey_End},
                                                     {EditKey::kEnter, ImGuiKey_Enter},
                                                     {EditKey::kEscape, ImGuiKey_Escape},
                                                     {EditKey::kTab, ImGuiKey_Tab}};
  ImGuiIO& io = ImGui::GetIO();
  for (const auto& [key, code] : kKeys) {
    const bool down = std::ranges::find(input.edited, key) != input.edited.end();
#if IMGUI_VERSION_NUM >= 18700
    io.AddKeyEvent(static_cast<ImGuiKey>(code), down);
#else
    io.KeyMap[code] = static_cast<int>(code);
    io.KeysDown[code] = down;
#endif
  }
  io.KeyCtrl = input.control;
  io.KeyShift = input.shift;
}

}  // namespace

class Screen::ScreenCanvas final : public Canvas {
 public:
  explicit ScreenCanvas(Screen& screen) : screen_(screen) {}

  float scale() const override { return screen_.scale_; }

  void Line(Point from, Point to, const Color& color, float thickness) override {
    List().AddLine(Vec(from), Vec(to), Packed(color), thickness);
  }
  void Path(std::span<const Point> points, const Color& color, float thickness) override {
    static_assert(sizeof(Point) == sizeof(ImVec2));
    List().AddPolyline(reinterpret_cast<const ImVec2*>(points.data()),
                       static_cast<int>(points.size()), Packed(color), 0, thickness);
  }
  void Box(const Rect& rect, const Color& color, float rounding) override {
    List().AddRectFilled({rect.x, rect.y}, {rect.right(), rect.bottom()}, Packed(color), rounding);
  }
  void Frame(const Rect& rect, const Color& color, float thickness) override {
    List().AddRect({rect.x, rect.y}, {rect.right(), rect.bottom()}, Packed(color), 0, 0, thickness);
  }
  void Disc(Point center, float radius, const Color& color) override {
    List().AddCircleFilled(Vec(center), radius, Packed(color));
  }
  void Ring(Point center, float radius, const Color& color, float thickness) override {
    List().AddCircle(Vec(center), radius, Packed(color), 0, thickness);
  }
  void Triangle(Point a, Point b, Point c, const Color& color) override {
    List().AddTriangleFilled(Vec(a), Vec(b), Vec(c), Packed(color));
  }

  void Text(Point top_left, const Color& color, std::string_view text, TextSize size) override {
    // letters are sharp at whole pixels
    List().AddText(Font(size), Font(size)->FontSize,
                   {std::round(top_left.x), std::round(top_left.y)}, Packed(color), text.data(),
                   text.data() + text.size());
  }
  Point Measure(std::string_view text, TextSize size) const override {
    const ImVec2 measured = Font(size)->CalcTextSizeA(Font(size)->FontSize, 1e9f, 0, text.data(),
                                                      text.data() + text.size());
    return {measured.x, measured.y};
  }

  void BeginClip(const Rect& rect) override {
    List().PushClipRect({rect.x, rect.y}, {rect.right(), rect.bottom()}, true);
  }
  void EndClip() override { List().PopClipRect(); }

  void Picture(const Rect& rect, const Image& image) override {
    if (image.rgb.empty()) return;
    const GLuint texture = screen_.TextureOf(image);
    List().AddImage(reinterpret_cast<ImTextureID>(static_cast<intptr_t>(texture)), {rect.x, rect.y},
                    {rect.right(), rect.bottom()});
  }

  void Scene(const Rect& rect, const std::shared_ptr<const mjModel>& model,
             mjvScene& scene) override {
    FEWSTEP_CHECK(screen_.scenes_.empty() || screen_.model_ == model,
                  "scenes of two models in one frame");
    screen_.UseModel(model);
    const mjrRect viewport = {static_cast<int>(rect.x),
                              screen_.height_ - static_cast<int>(rect.y + rect.height),
                              static_cast<int>(rect.width), static_cast<int>(rect.height)};
    if (viewport.width <= 0 || viewport.height <= 0) return;
    // comes between what was drawn before and what follows
    screen_.scenes_.push_back({viewport, &scene});
    List().AddCallback([](const ImDrawList*, const ImDrawCmd*) {},
                       reinterpret_cast<void*>(screen_.scenes_.size() - 1));
  }

 private:
  static ImDrawList& List() { return *ImGui::GetBackgroundDrawList(); }
  static ImFont* Font(TextSize size) { return ImGui::GetIO().Fonts->Fonts[static_cast<int>(size)]; }

  Screen& screen_;
};

Screen::Screen(const GlContext& context, double scale, Quality quality)
    : context_(context), gl_(context), scale_(static_cast<float>(scale)), quality_(quality) {
  InitializeMujoco();
  blank_ = CompileModel("<mujoco/>", {}, "blank.xml", Textures::kDrop);
  mjr_defaultContext(&mujoco_);
  ImGui::CreateContext();
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;  // nothing is left behind on the disk
  io.LogFilename = nullptr;
  io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;  // more than 65,536 corners a frame
  LoadFonts();
  canvas_ = std::make_unique<ScreenCanvas>(*this);
}

Screen::~Screen() {
  if (model_) mjr_freeContext(&mujoco_);
  for (const auto& [key, texture] : textures_) gl_.DeleteTextures(1, &texture.name);
  if (font_texture_ != 0) gl_.DeleteTextures(1, &font_texture_);
  ImGui::DestroyContext();
}

void Screen::SetScale(double scale) {
  if (static_cast<float>(scale) == scale_) return;
  scale_ = static_cast<float>(scale);
  LoadFonts();
}

void Screen::LoadFonts() {
  ImGuiIO& io = ImGui::GetIO();
  io.Fonts->Clear();
  ImFontConfig config;
  config.FontDataOwnedByAtlas = false;
  const auto bytes = embedded::font;
  constexpr ImWchar kRanges[] = {0x20, 0xff, 0x2010, 0x2027, 0x2190, 0x2193, 0x03b1, 0x03c9, 0};
  for (const float letters : kLetters) {
    io.Fonts->AddFontFromMemoryTTF(const_cast<unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()), std::round(letters * scale_),
                                   &config, kRanges);
  }
  io.FontDefault = io.Fonts->Fonts[kNormalSize];
  unsigned char* pixels = nullptr;
  int width = 0, height = 0;
  io.Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
  if (font_texture_ == 0) gl_.GenTextures(1, &font_texture_);
  gl_.BindTexture(GL_TEXTURE_2D, font_texture_);
  gl_.TexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
  gl_.TexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
  gl_.PixelStorei(GL_UNPACK_ALIGNMENT, 1);
  gl_.TexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
  gl_.BindTexture(GL_TEXTURE_2D, 0);
  io.Fonts->SetTexID(reinterpret_cast<ImTextureID>(static_cast<intptr_t>(font_texture_)));

  ImGuiStyle style;
  ImGui::StyleColorsDark(&style);
  style.WindowRounding = 0;
  style.FrameRounding = 3;
  style.WindowBorderSize = 0;
  style.WindowPadding = {12, 10};
  style.ItemSpacing = {8, 6};
  style.Colors[ImGuiCol_WindowBg] = {theme::kPane.red, theme::kPane.green, theme::kPane.blue, 1};
  style.Colors[ImGuiCol_Text] = {theme::kText.red, theme::kText.green, theme::kText.blue, 1};
  style.Colors[ImGuiCol_TextDisabled] = {theme::kFaint.red, theme::kFaint.green, theme::kFaint.blue,
                                         1};
  const Color bar = Mix(theme::kPane, PaneColor(1), 0.55);
  style.Colors[ImGuiCol_PlotHistogram] = {bar.red, bar.green, bar.blue, 1};
  style.ScaleAllSizes(scale_);
  ImGui::GetStyle() = style;
}

GLuint Screen::TextureOf(const Image& image) {
  // FNV-1a over size and pixels
  uint64_t key = 14695981039346656037u;
  const auto mix = [&key](uint64_t value) { key = (key ^ value) * 1099511628211u; };
  mix(static_cast<uint64_t>(image.width));
  for (const uint8_t byte : image.rgb) mix(byte);
  Texture& texture = textures_[key];
  texture.frame = frame_;
  if (texture.name != 0) return texture.name;
  gl_.GenTextures(1, &texture.name);
  gl_.BindTexture(GL_TEXTURE_2D, texture.name);
  for (const GLenum filter : {GL_TEXTURE_MIN_FILTER, GL_TEXTURE_MAG_FILTER}) {
    gl_.TexParameteri(GL_TEXTURE_2D, filter, GL_NEAREST);
  }
  gl_.PixelStorei(GL_UNPACK_ALIGNMENT, 1);
  gl_.TexImage2D(GL_TEXTURE_2D, 0, GL_RGB, image.width, image.height, 0, GL_RGB, GL_UNSIGNED_BYTE,
                 image.rgb.data());
  gl_.BindTexture(GL_TEXTURE_2D, 0);
  return texture.name;
}

void Screen::UseModel(const std::shared_ptr<const mjModel>& model) {
  if (model_ == model) return;
  if (model_) mjr_freeContext(&mujoco_);
  model_ = model;
  // how fine pictures are is said in the model
  const ModelPtr asked = CopyModel(model_.get());
  constexpr int kSamples = 4, kShadowOnProcessor = 1024;
  asked->vis.quality.offsamples = software() && quality_ == Quality::kSpeed ? 0 : kSamples;
  if (software()) asked->vis.quality.shadowsize = kShadowOnProcessor;
  mjr_makeContext(asked.get(), &mujoco_, 100);
  Clear();
}

void Screen::Clear() {
  const bool memory = target_ == FrameTarget::kMemory;
  if (memory) mjr_resizeOffscreen(width_, height_, &mujoco_);
  mjr_setBuffer(memory ? mjFB_OFFSCREEN : mjFB_WINDOW, &mujoco_);
  gl_.Viewport(0, 0, width_, height_);
  gl_.Disable(GL_SCISSOR_TEST);
  const Color& back = theme::kBackground;
  gl_.ClearColor(back.red, back.green, back.blue, 1);
  gl_.Clear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT);
}

void Screen::Begin(int width, int height, const Input& input, FrameTarget target) {
  const bool reset = gl_.GetGraphicsResetStatus && gl_.GetGraphicsResetStatus() != GL_NO_ERROR;
  if (reset || gl_.GetString(GL_RENDERER) == nullptr) {
    throw Error(ErrorKind::kRuntime, "the OpenGL context was lost",
                {.remedy = "Training and files are not touched; start the command again"});
  }
  width_ = width;
  height_ = height;
  target_ = target;
  // pictures that were not drawn for some time make room
  constexpr int64_t kFramesKept = 60;
  ++frame_;
  for (auto it = textures_.begin(); it != textures_.end();) {
    if (frame_ - it->second.frame > kFramesKept) {
      gl_.DeleteTextures(1, &it->second.name);
      it = textures_.erase(it);
    } else {
      ++it;
    }
  }
  if (!model_) UseModel(blank_);
  Clear();

  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {static_cast<float>(width), static_cast<float>(height)};
  io.DeltaTime = 1.0f / 60;
  io.MousePos = {input.mouse.x, input.mouse.y};
  io.MouseDown[0] = input.left;
  io.MouseDown[1] = input.right;
  io.MouseDown[2] = input.middle;
  io.MouseWheel = input.wheel;
  TellKeys(input);
  if (!input.text.empty()) io.AddInputCharactersUTF8(input.text.c_str());
  scenes_.clear();
  ImGui::NewFrame();
}

Canvas& Screen::canvas() { return *canvas_; }

void Screen::End() {
  ImGui::Render();
  DrawPanels();
}

Image Screen::Read() {
  Image image = Image::Blank(width_, height_);
  mjr_readPixels(image.rgb.data(), nullptr, {0, 0, width_, height_}, &mujoco_);
  // OpenGL's first row is at the bottom
  const size_t row = 3 * static_cast<size_t>(width_);
  for (size_t y = 0; y < static_cast<size_t>(height_) / 2; ++y) {
    uint8_t* upper = &image.rgb[y * row];
    std::swap_ranges(upper, upper + row, &image.rgb[(static_cast<size_t>(height_) - 1 - y) * row]);
  }
  return image;
}

bool Screen::panel_has_mouse() const { return ImGui::GetIO().WantCaptureMouse; }
bool Screen::panel_has_keys() const { return ImGui::GetIO().WantTextInput; }

void Screen::BeginPanels() {
  gl_.PushAttrib(GL_ENABLE_BIT | GL_COLOR_BUFFER_BIT | GL_TRANSFORM_BIT | GL_VIEWPORT_BIT |
                 GL_TEXTURE_BIT | GL_POLYGON_BIT | GL_SCISSOR_BIT | GL_LIGHTING_BIT);
  gl_.PushClientAttrib(GL_CLIENT_VERTEX_ARRAY_BIT);
  constexpr GLenum kTexture0 = 0x84C0;
  gl_.ActiveTexture(kTexture0);
  gl_.Enable(GL_BLEND);
  gl_.BlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
  for (const GLenum off :
       {GL_CULL_FACE, GL_DEPTH_TEST, GL_STENCIL_TEST, GL_LIGHTING, GL_COLOR_MATERIAL, GL_FOG,
        GL_TEXTURE_GEN_S, GL_TEXTURE_GEN_T, GL_TEXTURE_GEN_R, GL_TEXTURE_GEN_Q, GL_NORMALIZE}) {
    gl_.Disable(off);
  }
  gl_.Enable(GL_SCISSOR_TEST);
  gl_.Enable(GL_TEXTURE_2D);
  gl_.ShadeModel(GL_SMOOTH);
  gl_.PolygonMode(GL_FRONT_AND_BACK, GL_FILL);
  gl_.TexEnvi(GL_TEXTURE_ENV, GL_TEXTURE_ENV_MODE, GL_MODULATE);
  gl_.EnableClientState(GL_VERTEX_ARRAY);
  gl_.EnableClientState(GL_TEXTURE_COORD_ARRAY);
  gl_.EnableClientState(GL_COLOR_ARRAY);
  gl_.DisableClientState(GL_NORMAL_ARRAY);
  gl_.Viewport(0, 0, width_, height_);
  for (const GLenum matrix : kMatrices) {
    gl_.MatrixMode(matrix);
    gl_.PushMatrix();
    gl_.LoadIdentity();
    if (matrix == GL_PROJECTION) gl_.Ortho(0, width_, height_, 0, -1, 1);
  }
}

void Screen::EndPanels() {
  for (const GLenum matrix : kMatrices) {
    gl_.MatrixMode(matrix);
    gl_.PopMatrix();
  }
  gl_.PopClientAttrib();
  gl_.PopAttrib();
}

void Screen::DrawPanels() {
  const ImDrawData& data = *ImGui::GetDrawData();
  BeginPanels();
  for (int i = 0; i < data.CmdListsCount; ++i) {
    const ImDrawList& list = *data.CmdLists[i];
    const auto* vertices = reinterpret_cast<const char*>(list.VtxBuffer.Data);
    for (const ImDrawCmd& command : list.CmdBuffer) {
      if (command.UserCallback != nullptr) {
        const SceneCall& call = scenes_[reinterpret_cast<size_t>(command.UserCallbackData)];
        EndPanels();
        mjr_render(call.viewport, call.scene, &mujoco_);
        BeginPanels();
        continue;
      }
      const ImVec4& clip = command.ClipRect;
      if (clip.z <= clip.x || clip.w <= clip.y || command.ElemCount == 0) continue;
      const char* first = vertices + command.VtxOffset * sizeof(ImDrawVert);
      gl_.VertexPointer(2, GL_FLOAT, sizeof(ImDrawVert), first + IM_OFFSETOF(ImDrawVert, pos));
      gl_.TexCoordPointer(2, GL_FLOAT, sizeof(ImDrawVert), first + IM_OFFSETOF(ImDrawVert, uv));
      gl_.ColorPointer(4, GL_UNSIGNED_BYTE, sizeof(ImDrawVert),
                       first + IM_OFFSETOF(ImDrawVert, col));
      gl_.Scissor(static_cast<int>(clip.x), height_ - static_cast<int>(clip.w),
                  static_cast<int>(clip.z - clip.x), static_cast<int>(clip.w - clip.y));
      gl_.BindTexture(GL_TEXTURE_2D,
                      static_cast<GLuint>(reinterpret_cast<intptr_t>(command.GetTexID())));
      gl_.DrawElements(GL_TRIANGLES, static_cast<GLsizei>(command.ElemCount),
                       sizeof(ImDrawIdx) == 2 ? GL_UNSIGNED_SHORT : GL_UNSIGNED_INT,
                       list.IdxBuffer.Data + command.IdxOffset);
    }
  }
  EndPanels();
}

}  // namespace fewstep
