/* The gradient of tf.layers.activation softsign, x / (|x| + 1), cancels for large |x|, and is NaN for finite values.

The layers' softsign is tf.div(x, tf.add(tf.abs(x), 1)), whose gradient is dy / (|x| + 1) - dy * |x| / (|x| + 1)^2.
The two terms differ in their last digits alone once |x| is large, so that no digit of the difference is right above
1e7; from 2e19 on the square overflows and only dy / (|x| + 1) is left; and where dy * x overflows as well, inf / inf
is NaN.

Expected: dy / (|x| + 1)^2, which needs no difference, and is 0 where it underflows. Seen with TensorFlow.js 4.22.0,
on the backends cpu and wasm. Run it in a folder where @tensorflow/tfjs-core, -layers and -backend-cpu are installed. */

import {createRequire} from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const tf = require('@tensorflow/tfjs-core');
const {layers} = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');

await tf.setBackend('cpu');
const softsign = layers.activation({activation: 'softsign'});
const inputs = [10, 1e3, 1e6, 1e8, 1e12, 1e20, 2e38];
const upstream = 3;
const slope = tf.grad((x) => tf.mul(softsign.apply(x), upstream));
const got = slope(tf.tensor1d(inputs)).arraySync();
const expected = inputs.map((x) => upstream / (1 + x) ** 2);

console.log('TensorFlow.js', tf.version_core);
inputs.forEach((x, place) => console.log(`x = ${x}: got ${got[place]}, expected ${expected[place]}`));
const isRight = (place) => Math.abs(got[place] - expected[place]) <= 1e-3 * expected[place] + 1e-37;
process.exit(inputs.every((_, place) => isRight(place)) ? 0 : 1);
