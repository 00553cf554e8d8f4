/* On the wasm backend a sum over an axis of length 0 is whatever its memory held before, instead of 0.

tf.sum of a tensor of shape [0, 4] over its first axis, and tf.matMul of shapes [2, 0] and [0, 4], make room for
their result and then compute nothing. What is shown is memory that other tensors gave back. The cpu backend answers
zeros. The bias's gradient of a dense layer for an empty batch is such a sum, and the outputs of one without features
are such a product.

Expected: zeros, since a sum of no terms is 0. Seen with TensorFlow.js 4.22.0. Run it in a folder where
@tensorflow/tfjs-core and -backend-wasm are installed. */

import {createRequire} from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-wasm');

await tf.setBackend('wasm');

// Leaves sevens behind in memory of the size that the results need.
function litter(shape) {
  const tensors = Array.from({length: 64}, () => tf.fill(shape, 7));
  tensors.forEach((tensor) => tensor.dispose());
}

litter([4]);
const sums = Array.from(tf.sum(tf.zeros([0, 4]), 0).dataSync());
litter([2, 4]);
const products = Array.from(tf.matMul(tf.zeros([2, 0]), tf.zeros([0, 4])).dataSync());

console.log('TensorFlow.js', tf.version_core);
console.log('tf.sum:    got', sums.join(' '), 'expected 0 0 0 0');
console.log('tf.matMul: got', products.join(' '), 'expected 0 0 0 0 0 0 0 0');
process.exit([...sums, ...products].every((value) => value === 0) ? 0 : 1);
