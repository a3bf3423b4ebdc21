#include "python/src/interpreter.h"

#include <fmt/format.h>
#include <pthread.h>

#include <new>
#include <utility>

#include "core/error.h"

namespace bitjoule::python {
namespace {

constexpr std::chrono::milliseconds kBetweenChecks{20};

/// Ends the work; who catches it asks Signals::rethrow() for the reason.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

const char* class_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInput:
      return "InputError";
    case ErrorKind::kVerification:
      return "VerificationError";
    default:
      return "InternalError";
  }
}

void raise(const char* name, const char* message) {
  const py::object type = py::module_::import("bitjoule.errors").attr(name);
  PyErr_SetObject(type.ptr(), type(message).ptr());
}

}  // namespace

void Signals::check() {
  const auto now = std::chrono::steady_clock::now();
  if (now - asked_ < kBetweenChecks) return;
  asked_ = now;
  const py::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals() == 0) return;
  raised_ = std::make_exception_ptr(py::error_already_set());
  throw Interrupted();
}

void Signals::rethrow() const {
  if (raised_) std::rethrow_exception(raised_);
}

std::timed_mutex& simulation_mutex() {
  // Never destroyed, and new after a fork: the thread that held it stayed in the parent.
  static auto* mutex = new std::timed_mutex;
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { new (mutex) std::timed_mutex; });
  static_cast<void>(registered);
  return *mutex;
}

bool& is_simulating() {
  static thread_local bool simulating = false;
  return simulating;
}

SimulationTurn::SimulationTurn() {
  if (is_simulating())
    throw input_error("a run cannot begin within another one: it came from a signal handler");
  while (!simulation_mutex().try_lock_for(kBetweenChecks)) check_interrupt();
  is_simulating() = true;
}

SimulationTurn::~SimulationTurn() {
  is_simulating() = false;
  simulation_mutex().unlock();
}

void register_errors() {
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      std::rethrow_exception(std::move(p));
    } catch (const Error& e) {
      raise(class_of(e.kind()), e.what());
    } catch (const py::builtin_exception&) {
      throw;
    } catch (const py::error_already_set&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& e) {
      raise("InternalError", fmt::format("internal: {}", e.what()).c_str());
    }
  });
}

}  // namespace bitjoule::python
