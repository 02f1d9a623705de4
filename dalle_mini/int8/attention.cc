// What one new position takes of all positions up to it: attention with a single query.
//
// Only keys and values that are there are read, each once. Every row and head is a part of its own, summed in one order,
// so its result depends on nothing beside it.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "parts.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace {

constexpr int kLanes = 16;  // numbers side by side; compilers make what registers there are of them
constexpr int kWide = 4;    // of these at once

typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));

Lanes Load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

float Dot(const float* a, const float* b, int64_t length) {
  Lanes lanes = {};
  int64_t i = 0;
  for (; i + kLanes <= length; i += kLanes) lanes += Load(a + i) * Load(b + i);
  float sums[kLanes];
  std::memcpy(sums, &lanes, sizeof sums);
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  for (; i < length; ++i) sums[0] += a[i] * b[i];
  return sums[0];
}

// The sum of `count` rows of `length`, each times its weight, of which the numbers in kWidth lanes from `start` on.
template <int kWidth>
void AddRows(const float* rows, const float* weights, int64_t count, int64_t length, int64_t start, float* out) {
  Lanes sums[kWidth] = {};
  for (int64_t s = 0; s < count; ++s)
    for (int i = 0; i < kWidth; ++i) sums[i] += weights[s] * Load(rows + s * length + start + i * kLanes);
  std::memcpy(out + start, sums, sizeof sums);
}

// The mean of `count` values of `length`, weighed by the softmax of the keys' products with `query`.
void Attend(const float* query, const float* keys, const float* values, int64_t count, int64_t length, float* out) {
  thread_local std::vector<float> weights;
  weights.resize(count);
  const float scale = 1 / std::sqrt(static_cast<float>(length));
  float greatest = -std::numeric_limits<float>::infinity();
  for (int64_t s = 0; s < count; ++s) {
    weights[s] = scale * Dot(query, keys + s * length, length);
    greatest = std::max(greatest, weights[s]);
  }
  float sum = 0;
  for (int64_t s = 0; s < count; ++s) sum += weights[s] = std::exp(weights[s] - greatest);
  for (int64_t s = 0; s < count; ++s) weights[s] /= sum;
  int64_t d = 0;
  for (; d + kWide * kLanes <= length; d += kWide * kLanes)
    AddRows<kWide>(values, weights.data(), count, length, d, out);
  for (; d + kLanes <= length; d += kLanes) AddRows<1>(values, weights.data(), count, length, d, out);
  for (; d < length; ++d) {
    out[d] = 0;
    for (int64_t s = 0; s < count; ++s) out[d] += weights[s] * values[s * length + d];
  }
}

ffi::Error AttendPast(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> query, ffi::Buffer<ffi::F32> keys,
                      ffi::Buffer<ffi::F32> values, ffi::Buffer<ffi::S32> positions,
                      ffi::ResultBuffer<ffi::F32> out) {
  const auto shape = keys.dimensions();  // rows, heads, positions, numbers
  const int64_t rows = shape[0], heads = shape[1], room = shape[2], length = shape[3];
  const auto work = [&](int64_t part) {
    const int64_t count = std::clamp<int64_t>(positions.typed_data()[part / heads] + int64_t{1}, 1, room);
    const int64_t start = part * room * length;
    Attend(query.typed_data() + part * length, keys.typed_data() + start, values.typed_data() + start, count, length,
           out->typed_data() + part * length);
  };
  ShareParts(pool, rows * heads, work);
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(DalleMiniAttendPast, AttendPast,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .Ret<ffi::Buffer<ffi::F32>>());
