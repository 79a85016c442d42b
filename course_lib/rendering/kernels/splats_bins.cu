// The (splat, tile) pairs, one thread each, in the order of the splats' depth: with bins.py's end,
// but not its way. Sorted stably by tile, they are the lists that the compositing walks through.
//
// The usual kernel gives each splat a thread, which then writes a row of pairs as long as its splat
// is large: 31 threads of a warp wait for the one with the largest. With a thread for each pair
// all have the same to do; which splat is theirs they find by halving.
extern "C" __global__ void __launch_bounds__(THREADS) list_pairs(
    const int* __restrict__ order,    // (N,) splats, near to far
    const int* __restrict__ ends,     // (N,) running sum of their tiles, in that order
    const short* __restrict__ rects,  // (N, 4) first and last tile in x, in y
    int count,                        // N
    int pairs,
    int width,                        // of the picture, pixels
    int* __restrict__ tiles,          // (pairs,), written
    int* __restrict__ owners)         // (pairs,), written: splats
{
    const size_t pair = thread_number();
    if (pair >= pairs) return;
    int place = 0;  // of the first splat whose pairs end behind this one
    for (int behind = count; place < behind;) {
        const int middle = place + (behind - place) / 2;
        if (ends[middle] > pair) behind = middle;
        else place = middle + 1;
    }
    const int owner = order[place];
    const short* rect = rects + 4 * static_cast<size_t>(owner);
    const int within = static_cast<int>(pair) - (place > 0 ? ends[place - 1] : 0);
    const int wide = rect[1] - rect[0], in_a_row = (width + TILE - 1) / TILE;
    tiles[pair] = (rect[2] + within / wide) * in_a_row + rect[0] + within % wide;
    owners[pair] = owner;
}
