#include "model/linear_capture.h"

#include <string_view>
#include <utility>

#include <ATen/record_function.h>

namespace isomerge {

struct LinearCapture::State {
  std::map<const void*, std::string> names;  // of the module's tensors, by address
  bool gradients = false;
  std::vector<std::shared_ptr<LinearOperation>> operations;
  at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;
};

namespace {

thread_local LinearCapture::State* watching = nullptr;

at::Tensor as_rows(const at::Tensor& tensor) {
  const int64_t width = tensor.size(-1);
  return tensor.detach().reshape({width == 0 ? 0 : tensor.numel() / width, width});
}

// Arguments are known when the call starts, its result when it ends.
struct Call : at::ObserverContext {
  std::shared_ptr<LinearOperation> operation;
};

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& function) {
  if (watching == nullptr || std::string_view(function.name()) != "aten::linear") return nullptr;
  // x, W and b come last: below them may lie whatever else is on the interpreter's stack.
  constexpr size_t kArguments = 3;
  if (function.inputs().size() < kArguments) return nullptr;
  const auto inputs = function.inputs().slice(function.inputs().size() - kArguments);
  if (!inputs[0].isTensor() || !inputs[1].isTensor()) return nullptr;
  const auto name = watching->names.find(inputs[1].toTensor().const_data_ptr());
  if (name == watching->names.end()) return nullptr;
  auto call = std::make_unique<Call>();
  const at::Tensor& input = inputs[0].toTensor();
  LinearCapture::State* const state = std::exchange(watching, nullptr);  // as_rows() is not seen
  call->operation = std::make_shared<LinearOperation>(
      LinearOperation{name->second, as_rows(input), {}, input.const_data_ptr()});
  watching = state;
  watching->operations.push_back(call->operation);
  return call;
}

void on_end(const at::RecordFunction& function, at::ObserverContext* context) {
  if (context == nullptr || watching == nullptr || !watching->gradients) return;
  const auto& outputs = function.outputs();
  if (outputs.empty() || !outputs.back().isTensor() || !outputs.back().toTensor().requires_grad()) {
    return;
  }
  const at::Tensor output = outputs.back().toTensor();
  output.register_hook([operation = static_cast<Call*>(context)->operation](const at::Tensor& g) {
    operation->gradient = as_rows(g);
  });
}

}  // namespace

LinearCapture::LinearCapture(const BoundModule& module, bool gradients)
    : state_(std::make_unique<State>()) {
  state_->names = module.addresses();
  state_->gradients = gradients;
  watching = state_.get();
  state_->handle = at::addThreadLocalCallback(at::RecordFunctionCallback(on_start, on_end)
                                                  .needsInputs(true)
                                                  .needsOutputs(gradients)
                                                  .scopes({at::RecordScope::FUNCTION}));
}

LinearCapture::~LinearCapture() {
  at::removeCallback(state_->handle);
  watching = nullptr;
}

const std::vector<std::shared_ptr<LinearOperation>>& LinearCapture::operations() const {
  return state_->operations;
}

}  // namespace isomerge
