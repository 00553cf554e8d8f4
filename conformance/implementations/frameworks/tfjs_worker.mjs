// tf.layers.dense of TensorFlow.js, over standard input and output as docs/protocol.md says.
//
//     node tfjs_worker.mjs BACKEND
//
// BACKEND is cpu or wasm. The packages are those in the folder that DENSE_CONFORMANCE_NODE_MODULES names; without it,
// those that node finds from the current folder.

import {createRequire} from 'node:module';
import {join, resolve} from 'node:path';
import {createInterface} from 'node:readline';

const BACKEND = process.argv[2];
const FOLDER = process.env.DENSE_CONFORMANCE_NODE_MODULES || process.cwd();

// What tf.layers.dense calls the activation that Keras calls so.
const ACTIVATIONS = {
  linear: 'linear',
  relu: 'relu',
  relu6: 'relu6',
  elu: 'elu',
  selu: 'selu',
  gelu: 'gelu',
  silu: 'swish',
  sigmoid: 'sigmoid',
  hard_sigmoid: 'hardSigmoid',
  tanh: 'tanh',
  softplus: 'softplus',
  softsign: 'softsign',
  mish: 'mish',
  softmax: 'softmax',
  log_softmax: 'logSoftmax',
};

// Standard output carries messages alone.
console.log = console.info = console.debug = console.error;

function installed(name) {
  const place = `@tensorflow/${name}`;
  try {
    return createRequire(join(resolve(FOLDER), '/'))(place);
  } catch (failure) {
    console.error(`${place} cannot be loaded from ${FOLDER}: ${failure.code ?? failure.message}`);
    process.exit(4);
  }
}

const tf = installed('tfjs-core');
const {layers} = installed('tfjs-layers');
installed(`tfjs-backend-${BACKEND}`);

function decoded({dtype, shape, data}) {
  if (dtype !== 'float32') {
    throw new TypeError(`tensors are of float32, got ${dtype}`);
  }
  const bytes = Buffer.from(data, 'base64');
  return tf.tensor(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), shape);
}

function encoded(tensor) {
  const values = tensor.dataSync();
  const data = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
  return {dtype: tensor.dtype, shape: tensor.shape, data};
}

// The gradients of sum(upstream * outputs), in one pass: for it the inputs are a variable, as the weights are.
function differentiated(layer, given, upstream) {
  const inputs = tf.variable(given);
  const [kernel, bias] = layer.weights.map((weight) => weight.val);
  let outputs;
  const loss = () => {
    outputs = tf.keep(layer.apply(inputs));
    return tf.sum(tf.mul(outputs, upstream));
  };
  const {grads} = tf.variableGrads(loss, bias ? [inputs, kernel, bias] : [inputs, kernel]);
  const answer = {
    outputs: encoded(outputs),
    kernel_gradient: encoded(grads[kernel.name]),
    bias_gradient: bias ? encoded(grads[bias.name]) : null,
    inputs_gradient: encoded(grads[inputs.name]),
  };
  outputs.dispose();
  inputs.dispose();
  return answer;
}

// A weight's own name lies behind that of its layer; `name` is made unique among all layers.
function described({originalName, shape, trainable, dtype}) {
  return {name: originalName.split('/').pop(), shape, trainable, dtype};
}

const size = (weights) => weights.reduce((total, {shape}) => total + tf.util.sizeFromShape(shape), 0);

const built = [];

// What answers each message, but for its id.
const ANSWERS = {
  hello: () => ({
    protocol: 1,
    name: `TensorFlow.js, ${BACKEND}`,
    version: tf.version_core,
    capabilities: ['call', 'differentiate', 'describe'],
    activations: Object.keys(ACTIVATIONS),
    dtypes: ['float32'],
  }),
  build({config, input_shape}) {
    const layer = layers.dense({
      units: config.units,
      activation: ACTIVATIONS[config.activation],
      useBias: config.use_bias,
    });
    layer.build([null, ...input_shape.slice(1)]);
    return {layer: built.push(layer) - 1};
  },
  load({layer, kernel, bias}) {
    built[layer].setWeights(bias ? [decoded(kernel), decoded(bias)] : [decoded(kernel)]);
    return {};
  },
  call: ({layer, inputs}) => ({outputs: inputs.map((each) => encoded(built[layer].apply(decoded(each))))}),
  differentiate: ({layer, inputs, upstream}) => ({
    answers: inputs.map((each, place) => differentiated(built[layer], decoded(each), decoded(upstream[place]))),
  }),
  describe({layer}) {
    const {weights, trainableWeights} = built[layer];
    return {weights: weights.map(described), count: built[layer].countParams(), trainable: size(trainableWeights)};
  },
};

function answer(message) {
  try {
    return tf.tidy(() => ANSWERS[message.do](message));
  } catch (failure) {
    return {error: {type: failure.constructor.name, message: failure.message}};
  }
}

await tf.setBackend(BACKEND);
for await (const line of createInterface({input: process.stdin})) {
  const message = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({id: message.id, ...answer(message)})}\n`);
}
