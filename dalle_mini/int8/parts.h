// Work in parts, shared by the threads of a pool.

#ifndef DALLE_MINI_PARTS_H_
#define DALLE_MINI_PARTS_H_

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "xla/ffi/api/ffi.h"

// Work in parts that whoever has time takes one of.
class Parts {
 public:
  explicit Parts(int64_t count) : count_(count) {}

  template <typename Work>
  void Take(const Work& work) {
    for (int64_t part = next_++; part < count_; part = next_++) {
      work(part);
      if (++done_ == count_) {
        std::lock_guard<std::mutex> lock(mutex_);
        ended_.notify_all();
      }
    }
  }

  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [this] { return done_ == count_; });
  }

 private:
  const int64_t count_;
  std::atomic<int64_t> next_{0}, done_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
};

// Does `work` with the numbers from 0 to `count`, on whichever thread has time; returns when all is done.
template <typename Work>
void ShareParts(xla::ffi::ThreadPool& pool, int64_t count, const Work& work) {
  // A thread that comes too late finds no part left, and touches nothing but what it shares the ownership of.
  const auto parts = std::make_shared<Parts>(count);
  for (int64_t thread = 1; thread < std::min<int64_t>(pool.num_threads(), count); ++thread)
    pool.Schedule([parts, &work] { parts->Take(work); });
  parts->Take(work);
  parts->Wait();
}

#endif  // DALLE_MINI_PARTS_H_
