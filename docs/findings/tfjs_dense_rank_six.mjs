/* tf.layers.dense with an activation such as tanh throws for inputs of rank 6, and names a rank that they do not have.

With no activation, relu or elu, which are fused, the same inputs give outputs; so they do without bias. With the
others the bias is added by biasAdd, which handles ranks 3 to 5 one by one, and refuses those above: "Unsupported
input rank by biasAdd: 1". The 1 is the bias's rank; the inputs have 6.

Expected: outputs of shape [..., units], as for every other rank and activation. Seen with TensorFlow.js 4.22.0, on
the backends cpu and wasm. Run it in a folder where @tensorflow/tfjs-core, -layers and -backend-cpu are installed. */

import {createRequire} from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const tf = require('@tensorflow/tfjs-core');
const {layers} = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');

await tf.setBackend('cpu');
const inputs = tf.zeros([1, 1, 1, 1, 1, 4]);

function shapeOf(activation) {
  try {
    return layers.dense({units: 2, activation}).apply(inputs).shape.join();
  } catch (failure) {
    return `${failure.name}: ${failure.message}`;
  }
}

const expected = '1,1,1,1,1,2';
const [fused, got] = [shapeOf('relu'), shapeOf('tanh')];
console.log('TensorFlow.js', tf.version_core);
console.log('relu: got', fused);
console.log('tanh: got', got, 'expected', expected);
process.exit(got === expected ? 0 : 1);
