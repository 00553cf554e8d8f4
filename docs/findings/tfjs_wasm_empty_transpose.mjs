/* On the wasm backend tf.transpose of a tensor of rank 3 without elements ends in "RuntimeError: divide by zero".

tf.sum over other axes than the last transposes as well. So a tf.layers.dense with bias and an activation such as tanh
cannot be differentiated for an empty batch of rank 3, in which the bias's gradient is a sum over the axes before it.
The cpu backend answers an empty tensor.

Expected: an empty tensor of shape [0, 2, 3]. Seen with TensorFlow.js 4.22.0. Run it in a folder where
@tensorflow/tfjs-core and -backend-wasm are installed. */

import {createRequire} from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-wasm');

await tf.setBackend('wasm');

function shapeOfTransposed() {
  try {
    return tf.transpose(tf.zeros([0, 3, 2]), [0, 2, 1]).shape.join();
  } catch (failure) {
    return `${failure.name}: ${failure.message}`;
  }
}

const got = shapeOfTransposed();
const expected = '0,2,3';
console.log('TensorFlow.js', tf.version_core);
console.log('got', got, 'expected', expected);
process.exit(got === expected ? 0 : 1);
