// Three-vectors, rotations, the camera and sums over a warp: what the other splats_*.cu share.
//
// The files are compiled as one, in the order of `cuda_stages.SOURCES`, with these macros, whose
// one home is Python (`cuda_stages.MACROS`):
//   TILE                edge of a tile, pixels
//   THREADS             threads in a block, where a thread is a Gaussian or a (splat, tile) pair
//   PACKED, MOMENTS     floats in a row of `packed` and of `moments`, see project.py
//   MIN_ALPHA, MAX_ALPHA, MIN_TRANSMITTANCE, COVARIANCE_BLUR, NEAR, GUARD   see projection.py
//   LARGEST             the largest float
//   SH_...              constants of the harmonics, see harmonics.py
// All arithmetic is float: a T4 computes doubles at 1/32 of the speed, and one constant written
// as 0.5 instead of 0.5f would turn everything around it into doubles.

constexpr int WARP = 32;  // threads that can read each other's registers
constexpr unsigned EVERY_LANE = 0xffffffffu;

static_assert(THREADS % WARP == 0, "a block must be whole warps");

struct Vector {
    float x, y, z;
};

struct Rows {  // of a 3 x 3 matrix
    Vector x, y, z;
};

__device__ __forceinline__ Vector load(const float* from) { return {from[0], from[1], from[2]}; }

__device__ __forceinline__ void store(float* to, Vector a)
{
    to[0] = a.x, to[1] = a.y, to[2] = a.z;
}

__device__ __forceinline__ Vector operator+(Vector a, Vector b)
{
    return {a.x + b.x, a.y + b.y, a.z + b.z};
}

__device__ __forceinline__ Vector operator*(float a, Vector b)
{
    return {a * b.x, a * b.y, a * b.z};
}

__device__ __forceinline__ float dot(Vector a, Vector b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

__device__ __forceinline__ Vector cross(Vector a, Vector b)
{
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

// Entry by entry.
__device__ __forceinline__ Vector times(Vector a, Vector b)
{
    return {a.x * b.x, a.y * b.y, a.z * b.z};
}

// M a
__device__ __forceinline__ Vector apply(const Rows& rows, Vector a)
{
    return {dot(rows.x, a), dot(rows.y, a), dot(rows.z, a)};
}

// M^T a
__device__ __forceinline__ Vector apply_transposed(const Rows& rows, Vector a)
{
    return {
        a.x * rows.x.x + a.y * rows.y.x + a.z * rows.z.x,
        a.x * rows.x.y + a.y * rows.y.y + a.z * rows.z.y,
        a.x * rows.x.z + a.y * rows.y.z + a.z * rows.z.z,
    };
}

struct Quaternion {  // of length one
    float w, x, y, z;
    float inverse;  // 1 / the length it had
};

__device__ __forceinline__ Quaternion unit_quaternion(const float* quat)
{
    const float w = quat[0], x = quat[1], y = quat[2], z = quat[3];
    const float inverse = 1.0f / sqrtf(w * w + x * x + y * y + z * z);
    return {w * inverse, x * inverse, y * inverse, z * inverse, inverse};
}

// As `quaternion_to_rotation`.
__device__ __forceinline__ Rows rotation_rows(const Quaternion& q)
{
    return {
        {1.0f - 2.0f * (q.y * q.y + q.z * q.z), 2.0f * (q.x * q.y - q.w * q.z),
         2.0f * (q.x * q.z + q.w * q.y)},
        {2.0f * (q.x * q.y + q.w * q.z), 1.0f - 2.0f * (q.x * q.x + q.z * q.z),
         2.0f * (q.y * q.z - q.w * q.x)},
        {2.0f * (q.x * q.z - q.w * q.y), 2.0f * (q.y * q.z + q.w * q.x),
         1.0f - 2.0f * (q.x * q.x + q.y * q.y)},
    };
}

struct Camera {
    Rows rotation;        // of the (4, 4) viewmat, as is the next
    Vector translation;
    float fx, fy, cx, cy;  // of the (3, 3) K, pixels
    float width, height;   // of the picture, pixels
};

__device__ __forceinline__ Camera load_camera(
    const float* viewmat, const float* K, int width, int height)
{
    return {
        {load(viewmat), load(viewmat + 4), load(viewmat + 8)},
        {viewmat[3], viewmat[7], viewmat[11]},
        K[0], K[4], K[2], K[5], static_cast<float>(width), static_cast<float>(height),
    };
}

// Sum over a warp, in lane 0: 16 lanes add what 16 others hold, then 8, 4, 2, 1.
__device__ __forceinline__ float warp_sum(float value)
{
    for (int step = WARP / 2; step > 0; step /= 2)
        value += __shfl_down_sync(EVERY_LANE, value, step);
    return value;
}

// The number of this thread among those of a grid in x alone.
__device__ __forceinline__ size_t thread_number()
{
    return static_cast<size_t>(blockIdx.x) * THREADS + threadIdx.x;
}

// Add up each of some numbers over the warp and write the sums to the warp's own row: no atomics,
// and the same bits on every run. All threads of the warp have to call it.
template <int COUNT>
__device__ __forceinline__ void write_warp_sums(float (&values)[COUNT], float* rows)
{
    for (float& value : values) value = warp_sum(value);
    if (threadIdx.x % WARP == 0)
        for (int j = 0; j < COUNT; ++j) rows[thread_number() / WARP * COUNT + j] = values[j];
}
