/**
 * Adds the gradient of FedProx's term `mu/2 · ‖weights − global‖²` to a client's gradient, in place:
 * `gradient[i] += mu · (weights[i] − global[i])`. All three are of one tensor, and equally long.
 * Li et al. 2020, arXiv 1812.06127. @throws {RangeError} they differ in length.
 */
export function proximalGradient(
  gradient: Float32Array | Float64Array,
  weights: ArrayLike<number>,
  global: ArrayLike<number>,
  mu: number,
): void {
  if (weights.length !== gradient.length || global.length !== gradient.length) {
    throw new RangeError(`${gradient.length} gradients, ${weights.length} weights and ${global.length} global values`);
  }
  for (let index = 0; index < gradient.length; index += 1) {
    gradient[index] = (gradient[index] ?? 0) + mu * ((weights[index] ?? 0) - (global[index] ?? 0));
  }
}
