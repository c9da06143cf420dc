// An index as JavaScript holds it, and the checks of what JavaScript passes with it.
#pragma once
#define NAPI_VERSION 8
#include <node_api.h>
#if defined(__linux__)
#include <unistd.h>
#endif
#include "kernel.h"

struct Linking;

struct Held {
  Index* index;
  // The build that made it, since tests change the build in use.
  const Kernel* kernel;
  u32 dimensions;
  u32 subvectors;
  u32 blockBytes[4];
  long long reportedBytes;
  // Of what the index has, the bytes that a file lies in the place of.
  long long mappedBytes[2];
  // Where originals go as they come, up to this byte; -1 where they stay in memory.
  int scratch;
  u64 spilledBytes;
  // Threads that link; null before there are any.
  Linking* linking;
};

// In threads.h.
static bool isLinking(const Held* held);
static void stopLinking(Held* held);
static void freeLinking(Held* held);

static const napi_type_tag HELD_TAG = {0x6166766563696478ull, 0x31a7c09b5d2e4f86ull};
static const u32 ARGUMENTS_MAX = 10;

static napi_value refuse(napi_env env, const char* sentence) {
  napi_throw_type_error(env, nullptr, sentence);
  return nullptr;
}

// Arguments of one call. Each getter answers false where the argument is not what was asked for.
struct Call {
  napi_env env;
  napi_value values[ARGUMENTS_MAX];
  Held* held;

  Call(napi_env env, napi_callback_info info) : env(env), held(nullptr) {
    size_t count = ARGUMENTS_MAX;
    // Places without an argument are filled with undefined.
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }

  bool index() {
    bool isHeld = false;
    void* at = nullptr;
    if (napi_check_object_type_tag(env, values[0], &HELD_TAG, &isHeld) != napi_ok || !isHeld ||
        napi_unwrap(env, values[0], &at) != napi_ok) {
      return false;
    }
    held = (Held*)at;
    return held->index != nullptr;
  }

  // Open, and no threads at work.
  bool idle() { return index() && !isLinking(held); }

  bool number(u32 at, u32* out) {
    double value = 0;
    if (napi_get_value_double(env, values[at], &value) != napi_ok) return false;
    if (!(value >= 0 && value <= 4294967295.0)) return false;
    *out = (u32)value;
    return (double)*out == value;
  }

  bool array(u32 at, napi_typedarray_type type, void** data, size_t* length) {
    bool isArray = false;
    napi_typedarray_type found;
    if (napi_is_typedarray(env, values[at], &isArray) != napi_ok || !isArray) return false;
    return napi_get_typedarray_info(env, values[at], &found, length, data, nullptr, nullptr) ==
               napi_ok &&
           found == type;
  }

  bool isNull(u32 at) {
    napi_valuetype type;
    return napi_typeof(env, values[at], &type) == napi_ok && type == napi_null;
  }

  napi_value answer(i32 value) {
    napi_value result = nullptr;
    napi_create_int32(env, value, &result);
    return result;
  }

  napi_value answerBoolean(bool value) {
    napi_value result = nullptr;
    napi_get_boolean(env, value, &result);
    return result;
  }

  // Tells the garbage collector what the index takes outside of its heap.
  void report() {
    u32 numbers[DESCRIPTIONS];
    held->kernel->describe(held->index, numbers);
    const long long all = (long long)(((u64)numbers[BYTES_HIGH] << 32) | numbers[BYTES_LOW]);
    const long long bytes = all - held->mappedBytes[0] - held->mappedBytes[1];
    if (bytes == held->reportedBytes) return;
    int64_t reported = 0;
    napi_adjust_external_memory(env, bytes - held->reportedBytes, &reported);
    held->reportedBytes = bytes;
  }
};

static void closeScratch(Held* held) {
#if defined(__linux__)
  if (held->scratch >= 0) close(held->scratch);
#endif
  held->scratch = -1;
}

static void letGo(napi_env env, Held* held) {
  if (held->index == nullptr) return;
  stopLinking(held);
  held->kernel->destroy(held->index);
  held->index = nullptr;
  closeScratch(held);
  int64_t all = 0;
  napi_adjust_external_memory(env, -held->reportedBytes, &all);
}
