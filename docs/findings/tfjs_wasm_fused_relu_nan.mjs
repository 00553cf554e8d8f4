/* On the wasm backend tf.fused.matMul with relu makes 0 of NaN: a run that diverged looks alive.

tf.relu(NaN) is NaN on the same backend, and so is the fused product on the backend cpu. tf.layers.dense with relu is
computed by the fused product outside of gradients, so that one layer hides NaN from all that follows.
https://github.com/tensorflow/tfjs/pull/3855 says that XNNPACK guarantees nothing about NaN; the documentation of the
backend does not.

Expected: NaN. Seen with TensorFlow.js 4.22.0. Run it in a folder where @tensorflow/tfjs-core and -backend-wasm are
installed. */

import {createRequire} from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const tf = require('@tensorflow/tfjs-core');
require('@tensorflow/tfjs-backend-wasm');

await tf.setBackend('wasm');
const a = tf.tensor2d([[NaN, 1], [1, 2]]);
const b = tf.tensor2d([[1, -1], [1, 1]]);
const got = Array.from(tf.fused.matMul({a, b, activation: 'relu'}).dataSync());
const apart = Array.from(tf.relu(tf.matMul(a, b)).dataSync());

console.log('TensorFlow.js', tf.version_core);
console.log('fused: got', got.join(' '), 'expected NaN NaN 3 1');
console.log('apart: got', apart.join(' '));
process.exit(Number.isNaN(got[0]) && Number.isNaN(got[1]) && got[2] === 3 && got[3] === 1 ? 0 : 1);
