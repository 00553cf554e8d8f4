/* The gradient of an addition that broadcasts into an axis of length 0 throws.

In a + b with a of shape [0, 3, 2] and b of shape [1, 1, 2], b is broadcast along the first two axes, and its gradient
is the sum over both. broadcast_util.getReductionAxes takes an axis of length 1 for one that was broadcast only where
the result is longer than 1: an axis of length 0 is missing from the sum, and the gradient cannot be given b's shape. A
tf.layers.dense with bias and an activation such as tanh adds its bias so, and cannot be differentiated for an empty
batch of rank 3. It says "The new shape (1,1,2) has 2 elements and the old shape (0,2) has 0 elements".

Expected: zeros of shape [1, 1, 2], since a sum of no terms is 0. Seen with TensorFlow.js 4.22.0, backend cpu.
Run it in a folder where @tensorflow/tfjs-core, -layers (which registers the gradients) and -backend-cpu are
installed. */

import {createRequire} from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');

await tf.setBackend('cpu');
const inputs = tf.zeros([0, 3, 2]);

function gradient() {
  try {
    return JSON.stringify(tf.grad((bias) => tf.sum(tf.add(inputs, bias)))(tf.ones([1, 1, 2])).arraySync());
  } catch (failure) {
    return `${failure.name}: ${failure.message}`;
  }
}

const got = gradient();
const expected = '[[[0,0]]]';
console.log('TensorFlow.js', tf.version_core);
console.log('got', got, 'expected', expected);
process.exit(got === expected ? 0 : 1);
