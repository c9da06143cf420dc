// The kernel as a Node addon. Chooses the build for this processor and checks every argument:
// whatever JavaScript passes is an exception at most.
#include "held.h"
#include "mapping.h"
#include "pages.h"
#include "threads.h"

extern "C" const Kernel kernelPlain;
#ifdef WITH_X64_BUILDS
extern "C" const Kernel kernelAvx2;
extern "C" const Kernel kernelAvx512;
#endif

struct Build {
  const Kernel* kernel;
  const char* instructions;
};

static Build chooseBuild() {
#ifdef WITH_X64_BUILDS
  __builtin_cpu_init();
  const bool hasAvx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                         __builtin_cpu_supports("avx512vnni");
  if (hasAvx512) return {&kernelAvx512, "avx512-vnni"};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {&kernelAvx2, "avx2"};
#endif
#if defined(__ARM_NEON)
  return {&kernelPlain, "neon"};
#else
  return {&kernelPlain, "scalar"};
#endif
}

static Build build = chooseBuild();

static const char* const NOT_IDLE = "this is no open index, or threads are linking it";

static void finalize(napi_env env, void* data, void*) {
  letGo(env, (Held*)data);
  freeLinking((Held*)data);
  free(data);
}

// create(dimensions, metric, neighbours, breadth, codes, subvectors): an index, or null where there is no memory.
static napi_value create(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 settings[6];
  for (u32 i = 0; i < 6; i++) {
    if (!call.number(i, &settings[i])) return refuse(env, "a setting of an index is a number");
  }
  napi_value result = nullptr;
  napi_get_null(env, &result);
  Held* held = (Held*)calloc(1, sizeof(Held));
  if (held == nullptr) return result;
  held->kernel = build.kernel;
  held->scratch = -1;
  held->index = build.kernel->create(settings[0], settings[1], settings[2], settings[3], settings[4],
                                     settings[5]);
  if (held->index == nullptr) {
    free(held);
    return result;
  }
  held->dimensions = settings[0];
  held->subvectors = settings[5];
  u32 numbers[DESCRIPTIONS];
  held->kernel->describe(held->index, numbers);
  for (u32 part = 0; part < 3; part++) held->blockBytes[part] = numbers[BLOCK_BYTES + part];
  held->blockBytes[3] = sizeof(u32);
  napi_value object = nullptr;
  if (napi_create_object(env, &object) != napi_ok ||
      napi_type_tag_object(env, object, &HELD_TAG) != napi_ok ||
      napi_wrap(env, object, held, finalize, nullptr, nullptr) != napi_ok) {
    letGo(env, held);
    free(held);
    return result;
  }
  return object;
}

static napi_value destroy(napi_env env, napi_callback_info info) {
  Call call(env, info);
  if (!call.index()) return refuse(env, "this is no open index");
  letGo(env, call.held);
  return nullptr;
}

// setCodebook(index, centroids): 0 or a failure.
static napi_value setCodebook(napi_env env, napi_callback_info info) {
  Call call(env, info);
  void* centroids;
  size_t length;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.array(1, napi_float32_array, &centroids, &length) ||
      length != (u64)call.held->dimensions * CENTROIDS) {
    return refuse(env, "a codebook is a Float32Array of 256 times the dimensions of the index");
  }
  return call.answer(call.held->kernel->setCodebook(call.held->index, (const float*)centroids));
}

// encode(index, values, count, out): 0 or a failure.
static napi_value encode(napi_env env, napi_callback_info info) {
  Call call(env, info);
  void *values, *out;
  size_t length, room;
  u32 count;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(2, &count)) return refuse(env, "a count is a number of 32 bits");
  if (!call.array(1, napi_float32_array, &values, &length) ||
      length != (u64)count * call.held->dimensions) {
    return refuse(env, "vectors are one Float32Array with the dimensions of the index for each");
  }
  if (!call.array(3, napi_uint8_array, &out, &room) || room < (u64)count * call.held->subvectors) {
    return refuse(env, "there is not enough room for the codes");
  }
  return call.answer(
      call.held->kernel->encode(call.held->index, (const float*)values, count, (u8*)out));
}

// add(index, values, key): a slot or a failure.
static napi_value add(napi_env env, napi_callback_info info) {
  Call call(env, info);
  void* values;
  size_t length;
  u32 key;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.array(1, napi_float32_array, &values, &length) || length != call.held->dimensions) {
    return refuse(env, "a vector is a Float32Array with the dimensions of the index");
  }
  if (!call.number(2, &key)) return refuse(env, "a key is a number of 32 bits");
  const i32 result = call.held->kernel->add(call.held->index, (const float*)values, key);
  spill(call.held);
  call.report();
  return call.answer(result);
}

// link(index, nodes): how many are left to link.
static napi_value link(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 nodes;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(1, &nodes)) return refuse(env, "a count is a number of 32 bits");
  return call.answer(call.held->kernel->link(call.held->index, nodes));
}

// remove(index, slot): 0 or a failure.
static napi_value removeSlot(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 slot;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(1, &slot)) return refuse(env, "a slot is a number of 32 bits");
  return call.answer(call.held->kernel->remove(call.held->index, slot));
}

// vector(index, slot, out): 0 or a failure.
static napi_value vector(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 slot;
  void* out;
  size_t length;
  if (!call.index()) return refuse(env, "this is no open index");
  if (!call.number(1, &slot)) return refuse(env, "a slot is a number of 32 bits");
  if (!call.array(2, napi_float32_array, &out, &length) || length != call.held->dimensions) {
    return refuse(env, "a vector is a Float32Array with the dimensions of the index");
  }
  const Alone alone(call.held);
  return call.answer(call.held->kernel->vector(call.held->index, slot, (float*)out));
}

// search(index, queries, queryCount, k, breadth, rescored, filter or null, slots, scores, counts).
static napi_value search(napi_env env, napi_callback_info info) {
  Call call(env, info);
  void *queries, *slots, *scores, *counts, *filter = nullptr;
  size_t queryLength, slotLength, scoreLength, countLength, filterLength = 0;
  u32 queryCount, k, breadth, rescored;
  if (!call.index()) return refuse(env, "this is no open index");
  if (!call.number(2, &queryCount) || !call.number(3, &k) || !call.number(4, &breadth) ||
      !call.number(5, &rescored)) {
    return refuse(env, "counts of a search are numbers of 32 bits");
  }
  if (!call.array(1, napi_float32_array, &queries, &queryLength) ||
      queryLength != (u64)queryCount * call.held->dimensions) {
    return refuse(env, "queries are one Float32Array with the dimensions of the index for each");
  }
  if (!call.isNull(6) && !call.array(6, napi_uint8_array, &filter, &filterLength)) {
    return refuse(env, "a filter is a Uint8Array or null");
  }
  const u64 places = (u64)queryCount * k;
  if (!call.array(7, napi_uint32_array, &slots, &slotLength) || slotLength < places ||
      !call.array(8, napi_float64_array, &scores, &scoreLength) || scoreLength < places ||
      !call.array(9, napi_uint32_array, &counts, &countLength) || countLength < queryCount) {
    return refuse(env, "there is not enough room for the results");
  }
  // An empty array has no address, and must not look like no filter.
  static const u8 nothing = 0;
  const bool isFiltered = !call.isNull(6);
  const u8* bits = !isFiltered ? nullptr : filter == nullptr ? &nothing : (const u8*)filter;
  const u32 bytes = filterLength > SLOTS_MAX ? SLOTS_MAX : (u32)filterLength;
  const Alone alone(call.held);
  return call.answer(call.held->kernel->search(call.held->index, (const float*)queries, queryCount, k,
                                               breadth, rescored, bits, bytes, (u32*)slots, (double*)scores,
                                               (u32*)counts));
}

// describe(index, out): numbers in the order of `Description`.
static napi_value describe(napi_env env, napi_callback_info info) {
  Call call(env, info);
  void* out;
  size_t length;
  if (!call.index()) return refuse(env, "this is no open index");
  if (!call.array(1, napi_uint32_array, &out, &length) || length < DESCRIPTIONS) {
    return refuse(env, "there is not enough room for the description");
  }
  const Alone alone(call.held);
  call.held->kernel->describe(call.held->index, (u32*)out);
  return nullptr;
}

// read and write(index, part, from, count, bytes): 0 or a failure.
static napi_value passPart(napi_env env, napi_callback_info info, bool isWrite) {
  Call call(env, info);
  u32 part, from, count;
  void* bytes;
  size_t length;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(1, &part) || part > 3 || !call.number(2, &from) || !call.number(3, &count)) {
    return refuse(env, "part, first and count are numbers of 32 bits");
  }
  if (!call.array(4, napi_uint8_array, &bytes, &length) ||
      length < (u64)count * call.held->blockBytes[part]) {
    return refuse(env, "there are not enough bytes");
  }
  const Kernel& kernel = *call.held->kernel;
  Index* index = call.held->index;
  return call.answer(isWrite ? kernel.write(index, part, from, count, (const u8*)bytes)
                             : kernel.read(index, part, from, count, (u8*)bytes));
}
static napi_value read(napi_env env, napi_callback_info info) { return passPart(env, info, false); }
static napi_value write(napi_env env, napi_callback_info info) { return passPart(env, info, true); }

// beginImport(index, slots, rows, hasSums): 0 or a failure.
static napi_value beginImport(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 slots, rows, hasSums;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(1, &slots) || !call.number(2, &rows) || !call.number(3, &hasSums)) {
    return refuse(env, "these are numbers of 32 bits");
  }
  const i32 result = call.held->kernel->beginImport(call.held->index, slots, rows, hasSums);
  call.report();
  return call.answer(result);
}

// map(index, part, file, start): whether the part, blocks or originals, lies in the file from now on. It has
// to have what the part has; during an import it becomes that.
static napi_value map(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 part, file;
  double start = 0;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(1, &part) || part > 1 || !call.number(2, &file) ||
      napi_get_value_double(env, call.values[3], &start) != napi_ok || !(start >= 0 && start < 1e15)) {
    return refuse(env, "part, file and start are numbers");
  }
  const bool isMapped = mapPart(call.held, part, (int)file, (u64)start);
  call.report();
  return call.answerBoolean(isMapped);
}

// moveOriginals(index, file, start, step): the originals lie in the file after the last step, which has them
// as they are. Steps from 0 on, as long as it answers true; the index must not change in between.
static napi_value moveToFile(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 file, step;
  double start = 0;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(1, &file) || !call.number(3, &step) ||
      napi_get_value_double(env, call.values[2], &start) != napi_ok || !(start >= 0 && start < 1e15)) {
    return refuse(env, "file, start and step are numbers");
  }
  const bool isMore = moveOriginals(call.held, (int)file, (u64)start, step);
  call.report();
  return call.answerBoolean(isMore);
}

// useScratch(index, file): whether originals go to this file from here on. For an empty index.
static napi_value takeScratch(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 file;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(1, &file)) return refuse(env, "a file is a number");
  return call.answerBoolean(useScratch(call.held, (int)file));
}

// sum(index, part, from, count, seed, out): 0 or a failure.
static napi_value sum(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 part, from, count, seed;
  void* out;
  size_t length;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(1, &part) || !call.number(2, &from) || !call.number(3, &count) ||
      !call.number(4, &seed)) {
    return refuse(env, "part, first, count and seed are numbers of 32 bits");
  }
  if (!call.array(5, napi_uint32_array, &out, &length) || length < 1) {
    return refuse(env, "there is not enough room for a checksum");
  }
  return call.answer(
      call.held->kernel->sum(call.held->index, part, from, count, seed, (u32*)out));
}

// checkImport(index, steps): how many are left, or a failure.
static napi_value checkImport(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 steps;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(1, &steps)) return refuse(env, "a count is a number of 32 bits");
  return call.answer(call.held->kernel->checkImport(call.held->index, steps));
}

// finishImport(index, entry, topLevel, found): 0 or a failure.
static napi_value finishImport(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 entry, topLevel;
  if (!call.idle()) return refuse(env, NOT_IDLE);
  if (!call.number(1, &entry) || !call.number(2, &topLevel)) {
    return refuse(env, "these are numbers of 32 bits");
  }
  void* found;
  size_t length;
  if (!call.array(3, napi_uint8_array, &found, &length) || length > SLOTS_MAX) {
    return refuse(env, "what is found is a Uint8Array");
  }
  const i32 result = call.held->kernel->finishImport(call.held->index, entry, topLevel,
                                                     (const u8*)found, (u32)length);
  call.report();
  return call.answer(result);
}

// checksum(bytes, seed)
static napi_value checksum(napi_env env, napi_callback_info info) {
  Call call(env, info);
  void* bytes;
  size_t length;
  u32 seed;
  if (!call.array(0, napi_uint8_array, &bytes, &length)) return refuse(env, "bytes are a Uint8Array");
  if (!call.number(1, &seed)) return refuse(env, "a seed is a number of 32 bits");
  napi_value result = nullptr;
  napi_create_uint32(env, build.kernel->checksum((const u8*)bytes, length, seed), &result);
  return result;
}

// use(instructions): takes another build than the best, for tests. Answers whether it can run here.
static napi_value use(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 rung;
  if (!call.number(0, &rung)) return refuse(env, "a rung is a number");
  const Build best = chooseBuild();
  bool isThere = rung == 0;
  if (rung == 0) build = {&kernelPlain, "scalar"};
#ifdef WITH_X64_BUILDS
  if (rung == 1 && best.kernel != &kernelPlain) {
    build = {&kernelAvx2, "avx2"};
    isThere = true;
  }
#endif
  if (rung == 2) {
    build = best;
    isThere = true;
  }
  return call.answerBoolean(isThere);
}

static napi_value instructions(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, build.instructions, NAPI_AUTO_LENGTH, &result);
  return result;
}

NAPI_MODULE_INIT() {
  const struct {
    const char* name;
    napi_callback call;
  } functions[] = {{"create", create},   {"destroy", destroy},
                   {"setCodebook", setCodebook}, {"encode", encode},
                   {"add", add},         {"link", link},
                   {"linkBatch", linkBatch}, {"remove", removeSlot}, {"vector", vector},
                   {"search", search},   {"describe", describe},
                   {"read", read},       {"write", write},
                   {"beginImport", beginImport}, {"map", map},
                   {"moveOriginals", moveToFile},
                   {"useScratch", takeScratch},
                   {"sum", sum},         {"checkImport", checkImport},
                   {"finishImport", finishImport},
                   {"checksum", checksum}, {"use", use},
                   {"instructions", instructions}};
  for (const auto& function : functions) {
    napi_value value = nullptr;
    if (napi_create_function(env, function.name, NAPI_AUTO_LENGTH, function.call, nullptr, &value) !=
            napi_ok ||
        napi_set_named_property(env, exports, function.name, value) != napi_ok) {
      return nullptr;
    }
  }
  return exports;
}
