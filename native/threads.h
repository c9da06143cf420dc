// Linking by several threads while JavaScript goes on. Searches wait for less than a millisecond: what changes
// the graph does it in small pieces, and lets a search that waits go first. Nothing else may be called
// meanwhile; `destroy` ends it.
#pragma once
#include "held.h"

#if !defined(_WIN32)
#include <atomic>
#include <new>
#include <pthread.h>
#include <sched.h>

static const u32 THREADS_MAX = 64;
static const u32 GROUPS_PER_TURN = 8;
static const u32 SWEEPS_PER_TURN = 8;

struct Linking {
  Held* held;
  Batch* batch;
  // Searches and changes of few nodes hold it alone, threads that connect nodes hold it together.
  pthread_rwlock_t gate;
  std::atomic<u32> waiting;
  std::atomic<bool> isRunning;
  std::atomic<bool> isCancelled;
  pthread_mutex_t mutex;
  pthread_cond_t ended;
  u32 threads;
  Index* views[THREADS_MAX];
  u32 viewSlots;
  // The next node or group that nobody has taken.
  std::atomic<u32> next;
  u32 (*step)(Linking* linking, Index* view, u32 from);
  // From the call until its promise is settled; only JavaScript's thread looks at it.
  bool isQueued;
  napi_async_work work;
  napi_deferred deferred;
  napi_ref object;
};

static void enterAlone(Linking* linking) {
  linking->waiting++;
  pthread_rwlock_wrlock(&linking->gate);
  linking->waiting--;
}
static void enterTogether(Linking* linking) {
  while (linking->waiting > 0) sched_yield();
  pthread_rwlock_rdlock(&linking->gate);
}
static void leave(Linking* linking) { pthread_rwlock_unlock(&linking->gate); }

// While it lives, a call of JavaScript has the index for itself.
struct Alone {
  Linking* linking;
  explicit Alone(Held* held) : linking(held->linking) {
    if (linking != nullptr && linking->isRunning) enterAlone(linking);
    else linking = nullptr;
  }
  ~Alone() {
    if (linking != nullptr) leave(linking);
  }
};

static u32 stepTwin(Linking* linking, Index* view, u32 from) {
  const BatchCalls& calls = linking->held->kernel->batch;
  if (linking->isCancelled || from >= calls.count(linking->batch)) return 0;
  calls.findTwin(view, linking->batch, from);
  return 1;
}
static u32 stepSelect(Linking* linking, Index* view, u32 from) {
  const BatchCalls& calls = linking->held->kernel->batch;
  if (linking->isCancelled || from >= calls.count(linking->batch)) return 0;
  calls.select(view, linking->batch, from);
  return 1;
}
static u32 stepConnect(Linking* linking, Index* view, u32 from) {
  const BatchCalls& calls = linking->held->kernel->batch;
  const u32 groups = calls.groupCount(linking->batch);
  const u32 first = from * GROUPS_PER_TURN;
  if (first >= groups) return 0;
  enterTogether(linking);
  for (u32 group = first; group < groups && group < first + GROUPS_PER_TURN; group++) {
    calls.connect(view, linking->batch, group);
  }
  leave(linking);
  return 1;
}

struct Worker {
  Linking* linking;
  Index* view;
};
static void* work(void* data) {
  const Worker* worker = (const Worker*)data;
  Linking* linking = worker->linking;
  while (linking->step(linking, worker->view, linking->next++) != 0) {
  }
  return nullptr;
}

// One step over all nodes or groups; a thread that cannot be made leaves its share to the others.
static void share(Linking* linking, u32 (*step)(Linking*, Index*, u32)) {
  linking->next = 0;
  linking->step = step;
  Worker workers[THREADS_MAX];
  pthread_t threads[THREADS_MAX];
  bool isThere[THREADS_MAX];
  for (u32 i = 0; i < linking->threads; i++) workers[i] = {linking, linking->views[i]};
  for (u32 i = 1; i < linking->threads; i++) {
    isThere[i] = pthread_create(&threads[i], nullptr, work, &workers[i]) == 0;
  }
  work(&workers[0]);
  for (u32 i = 1; i < linking->threads; i++) {
    if (isThere[i]) pthread_join(threads[i], nullptr);
  }
}

static void linkInThreads(napi_env, void* data) {
  Linking* linking = (Linking*)data;
  Held* held = linking->held;
  const BatchCalls& calls = held->kernel->batch;
  Batch* batch = linking->batch;
  share(linking, stepTwin);
  calls.settleTwins(held->index, batch);
  share(linking, stepSelect);
  if (!linking->isCancelled) {
    calls.group(batch);
    enterAlone(linking);
    calls.commit(held->index, batch);
    leave(linking);
    share(linking, stepConnect);
    for (u32 done = 0; done < calls.count(batch); done += SWEEPS_PER_TURN) {
      enterAlone(linking);
      for (u32 i = 0; i < SWEEPS_PER_TURN; i++) calls.sweep(held->index);
      leave(linking);
    }
  }
  enterAlone(linking);
  calls.end(held->index, batch);
  linking->batch = nullptr;
  leave(linking);
  pthread_mutex_lock(&linking->mutex);
  linking->isRunning = false;
  pthread_cond_broadcast(&linking->ended);
  pthread_mutex_unlock(&linking->mutex);
}

static void freeViews(Linking* linking) {
  for (u32 i = 0; i < THREADS_MAX; i++) {
    if (linking->views[i] != nullptr) linking->held->kernel->batch.freeView(linking->views[i]);
    linking->views[i] = nullptr;
  }
}

// On the thread of JavaScript again.
static void endLinking(napi_env env, napi_status, void* data) {
  Linking* linking = (Linking*)data;
  linking->isQueued = false;
  if (linking->held == nullptr) {
    // The environment has ended before.
    delete linking;
    return;
  }
  u32 left = 0;
  if (linking->held->index != nullptr) {
    u32 numbers[DESCRIPTIONS];
    linking->held->kernel->describe(linking->held->index, numbers);
    left = numbers[PENDING_COUNT];
    if (left == 0) freeViews(linking);
  }
  napi_value answer = nullptr;
  napi_create_uint32(env, left, &answer);
  napi_resolve_deferred(env, linking->deferred, answer);
  napi_delete_async_work(env, linking->work);
  napi_delete_reference(env, linking->object);
}

static Linking* linkingOf(Held* held) {
  if (held->linking != nullptr) return held->linking;
  Linking* linking = new (std::nothrow) Linking();
  if (linking == nullptr) return nullptr;
  linking->held = held;
  pthread_rwlock_init(&linking->gate, nullptr);
  pthread_mutex_init(&linking->mutex, nullptr);
  pthread_cond_init(&linking->ended, nullptr);
  held->linking = linking;
  return linking;
}

// Room for each thread, as large as the index is now. Answers how many there are.
static u32 makeViews(Linking* linking, u32 threads) {
  const BatchCalls& calls = linking->held->kernel->batch;
  u32 numbers[DESCRIPTIONS];
  linking->held->kernel->describe(linking->held->index, numbers);
  if (numbers[SLOT_CAPACITY] != linking->viewSlots) freeViews(linking);
  linking->viewSlots = numbers[SLOT_CAPACITY];
  for (u32 i = 0; i < threads; i++) {
    if (linking->views[i] == nullptr) linking->views[i] = calls.makeView(linking->held->index);
    if (linking->views[i] == nullptr) return i;
    calls.refreshView(linking->held->index, linking->views[i]);
  }
  return threads;
}

// linkBatch(index, threads): a promise of how many are left to link, or null where nodes have to be linked
// one by one: the graph is small, or there is no memory.
static napi_value linkBatch(napi_env env, napi_callback_info info) {
  Call call(env, info);
  u32 threads;
  if (!call.idle()) return refuse(env, "this is no open index, or it is being linked");
  if (!call.number(1, &threads) || threads < 1 || threads > THREADS_MAX) {
    return refuse(env, "threads are 1 to 64");
  }
  napi_value result = nullptr;
  napi_get_null(env, &result);
  Held* held = call.held;
  Linking* linking = linkingOf(held);
  if (linking == nullptr) return result;
  linking->batch = held->kernel->batch.begin(held->index);
  if (linking->batch == nullptr) return result;
  linking->threads = makeViews(linking, threads);
  napi_value name = nullptr;
  napi_value promise = nullptr;
  if (linking->threads == 0 ||
      napi_create_string_utf8(env, "vector index linking", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, linkInThreads, endLinking, linking, &linking->work) !=
          napi_ok) {
    held->kernel->batch.end(held->index, linking->batch);
    return result;
  }
  napi_create_reference(env, call.values[0], 1, &linking->object);
  napi_create_promise(env, &linking->deferred, &promise);
  linking->isQueued = linking->isRunning = true;
  napi_queue_async_work(env, linking->work);
  return promise;
}

// Ends what threads do, and lets go of what they had. Before the index goes.
static void stopLinking(Held* held) {
  Linking* linking = held->linking;
  if (linking == nullptr) return;
  linking->isCancelled = true;
  pthread_mutex_lock(&linking->mutex);
  while (linking->isRunning) pthread_cond_wait(&linking->ended, &linking->mutex);
  pthread_mutex_unlock(&linking->mutex);
  freeViews(linking);
}

// When nobody has the index any more.
static void freeLinking(Held* held) {
  if (held->linking == nullptr) return;
  held->linking->held = nullptr;
  if (held->linking->isQueued) return;
  pthread_rwlock_destroy(&held->linking->gate);
  pthread_mutex_destroy(&held->linking->mutex);
  pthread_cond_destroy(&held->linking->ended);
  delete held->linking;
  held->linking = nullptr;
}

static bool isLinking(const Held* held) {
  return held->linking != nullptr && held->linking->isQueued;
}
#else
struct Alone {
  explicit Alone(Held*) {}
};
static napi_value linkBatch(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_get_null(env, &result);
  return result;
}
static void stopLinking(Held*) {}
static void freeLinking(Held*) {}
static bool isLinking(const Held*) { return false; }
#endif
