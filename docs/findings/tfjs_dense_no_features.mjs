/* tf.layers.dense throws for inputs of rank 3 that have no features, although it takes those of rank 2.

A sum of no terms is 0, so that the outputs are the bias; of rank 2 they are on the cpu backend. From rank 3 on the
inputs are reshaped to [-1, 0], and the -1 cannot be inferred from 0 elements, although the shape of the inputs says
it: "Cannot infer the missing size in [-1,0] when there are 0 elements".

Expected: the bias in every row, of shape [..., units]. Seen with TensorFlow.js 4.22.0, on the backends cpu and wasm.
Run it in a folder where @tensorflow/tfjs-core, -layers and -backend-cpu are installed. */

import {createRequire} from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const tf = require('@tensorflow/tfjs-core');
const {layers} = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');

await tf.setBackend('cpu');

function outputsOf(shape) {
  try {
    const layer = layers.dense({units: 2, biasInitializer: 'ones'});
    layer.build(shape);
    return JSON.stringify(layer.apply(tf.zeros(shape)).arraySync());
  } catch (failure) {
    return `${failure.name}: ${failure.message}`;
  }
}

const [flat, got] = [outputsOf([3, 0]), outputsOf([1, 3, 0])];
const expected = '[[[1,1],[1,1],[1,1]]]';
console.log('TensorFlow.js', tf.version_core);
console.log('shape [3, 0]: got', flat);
console.log('shape [1, 3, 0]: got', got, 'expected', expected);
process.exit(got === expected ? 0 : 1);
