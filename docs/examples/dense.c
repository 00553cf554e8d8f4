/* A Dense layer in C that anyone can put under test: a whole program for docs/protocol.md, standard library only.

       cc -O2 -o dense docs/examples/dense.c -lm
       dense-conformance run 'exec:./dense'

   It reads one message a line and writes one answer a line. Numbers are doubles inside; a layer of float32 rounds its
   pre-activations, its outputs and its gradients to float32, and nothing in between. From top to bottom: memory and
   text, a reader of JSON, tensors, the activations, the layer's own arithmetic, and an answer to each message. */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory and text ---- */

/* size bytes for what there was before, or for nothing: the program ends where there are none. */
static void *memory(void *before, size_t size)
{
    void *found = realloc(before, size ? size : 1);
    if (!found) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return found;
}

static double *zeros(size_t count)
{
    double *values = memory(NULL, count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = 0;
    return values;
}

/* A text that grows; it always ends with a 0. */
typedef struct {
    char *chars;
    size_t length, room;
} Text;

static void put_char(Text *text, char c)
{
    if (text->length + 2 > text->room)
        text->chars = memory(text->chars, text->room = 2 * text->room + 256);
    text->chars[text->length++] = c;
    text->chars[text->length] = 0;
}

static void put(Text *text, const char *words)
{
    while (*words)
        put_char(text, *words++);
}

static void put_integer(Text *text, size_t number)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%zu", number);
    put(text, digits);
}

/* ---- a reader of JSON: a value is the place in the line where it begins ---- */

/* Where something other than a blank is. */
static const char *visible(const char *place)
{
    return place + strspn(place, " \t\r\n");
}

/* The end of the string that begins here. */
static const char *after_string(const char *place)
{
    for (place++; *place && *place != '"'; place++)
        if (*place == '\\' && place[1])
            place++;
    return *place ? place + 1 : place;
}

/* The end of the value that begins here, whatever it is. */
static const char *after_value(const char *place)
{
    int depth = 0;
    do {
        if (*place == '"') {
            place = after_string(place);
            continue;
        }
        if (depth == 0 && *place != '{' && *place != '[')
            return place + strcspn(place, ",]} \t\r\n");
        depth += (*place == '{' || *place == '[') - (*place == '}' || *place == ']');
        place++;
    } while (depth > 0 && *place);
    return place;
}

/* The value that stands in an array after this one; NULL after the last. */
static const char *next_item(const char *item)
{
    const char *mark = visible(after_value(item));
    return *mark == ',' ? visible(mark + 1) : NULL;
}

/* The first value of an array; NULL for an empty one, and for anything else. */
static const char *first_item(const char *array)
{
    if (!array || *array != '[')
        return NULL;
    array = visible(array + 1);
    return *array == ']' || !*array ? NULL : array;
}

/* True where the value is this very string: none that the protocol has needs an escape. */
static bool is_string(const char *value, const char *expected)
{
    size_t length = strlen(expected);
    return value && *value == '"' && strncmp(value + 1, expected, length) == 0 && value[1 + length] == '"';
}

static bool is_null(const char *value)
{
    return !value || *value == 'n';
}

/* The value of this name in an object; NULL where there is none. */
static const char *member(const char *object, const char *name)
{
    if (!object || *object != '{')
        return NULL;
    const char *key = visible(object + 1);
    while (*key == '"') {
        const char *colon = visible(after_string(key));
        if (*colon != ':')
            return NULL;
        const char *value = visible(colon + 1);
        if (is_string(key, name))
            return value;
        key = next_item(value);
        if (!key)
            return NULL;
    }
    return NULL;
}

/* A number that counts something; SIZE_MAX for anything else. */
static size_t integer(const char *value)
{
    return value && *value >= '0' && *value <= '9' ? (size_t)strtoull(value, NULL, 10) : SIZE_MAX;
}

/* ---- tensors ---- */

enum { MAX_RANK = 16 };

/* values are in C order; their dtype is the layer's. */
typedef struct {
    size_t rank, shape[MAX_RANK], count;
    double *values;
} Tensor;

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The bytes of the base64 that begins here, as many as there is room for. Returns how many there were. */
static size_t decode(const char *place, uint8_t *bytes, size_t room)
{
    size_t count = 0;
    uint32_t bits = 0;
    for (int held = 0; *place && *place != '"' && *place != '='; place++) {
        const char *letter = strchr(ALPHABET, *place);
        if (!letter)
            break;
        bits = bits << 6 | (uint32_t)(letter - ALPHABET);
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (count < room)
                bytes[count] = (uint8_t)(bits >> held);
            count++;
        }
    }
    return count;
}

static void encode(Text *out, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i += 3) {
        size_t left = count - i;
        uint32_t bits = (uint32_t)bytes[i] << 16;
        bits |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)bytes[i + 2] : 0;
        put_char(out, ALPHABET[bits >> 18]);
        put_char(out, ALPHABET[bits >> 12 & 63]);
        put_char(out, left > 1 ? ALPHABET[bits >> 6 & 63] : '=');
        put_char(out, left > 2 ? ALPHABET[bits & 63] : '=');
    }
}

/* The number whose bytes these are, least significant first, on every machine. */
static double from_bytes(const uint8_t *bytes, bool is_float32)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < (is_float32 ? 4u : 8u); i++)
        bits |= (uint64_t)bytes[i] << 8 * i;
    uint32_t low = (uint32_t)bits;
    float narrow;
    double wide;
    memcpy(&narrow, &low, sizeof narrow);
    memcpy(&wide, &bits, sizeof wide);
    return is_float32 ? narrow : wide;
}

/* Rounds to float32, where that is the dtype. */
static void to_bytes(uint8_t *bytes, double value, bool is_float32)
{
    float narrow = (float)value;
    uint32_t low;
    uint64_t bits;
    memcpy(&low, &narrow, sizeof low);
    memcpy(&bits, &value, sizeof bits);
    if (is_float32)
        bits = low;
    for (size_t i = 0; i < (is_float32 ? 4u : 8u); i++)
        bytes[i] = (uint8_t)(bits >> 8 * i);
}

static void put_tensor(Text *out, Tensor tensor, bool is_float32)
{
    size_t width = is_float32 ? 4 : 8;
    uint8_t *bytes = memory(NULL, tensor.count * width);
    for (size_t i = 0; i < tensor.count; i++)
        to_bytes(bytes + i * width, tensor.values[i], is_float32);
    put(out, is_float32 ? "{\"dtype\":\"float32\",\"shape\":[" : "{\"dtype\":\"float64\",\"shape\":[");
    for (size_t axis = 0; axis < tensor.rank; axis++) {
        put(out, axis ? "," : "");
        put_integer(out, tensor.shape[axis]);
    }
    put(out, "],\"data\":\"");
    encode(out, bytes, tensor.count * width);
    put(out, "\"}");
    free(bytes);
}

/* Its values are the caller's to free. Returns false for what is no tensor of this dtype. */
static bool read_tensor(const char *value, bool is_float32, Tensor *tensor)
{
    size_t width = is_float32 ? 4 : 8;
    const char *data = member(value, "data");
    if (!data || *data != '"' || !is_string(member(value, "dtype"), is_float32 ? "float32" : "float64"))
        return false;
    *tensor = (Tensor){.count = 1};
    for (const char *axis = first_item(member(value, "shape")); axis; axis = next_item(axis)) {
        if (tensor->rank == MAX_RANK || integer(axis) == SIZE_MAX)
            return false;
        tensor->shape[tensor->rank++] = integer(axis);
        tensor->count *= integer(axis);
    }
    if (tensor->count > strlen(data))
        return false;
    uint8_t *bytes = memory(NULL, tensor->count * width);
    bool is_whole = decode(data + 1, bytes, tensor->count * width) == tensor->count * width;
    if (is_whole) {
        tensor->values = memory(NULL, tensor->count * sizeof(double));
        for (size_t i = 0; i < tensor->count; i++)
            tensor->values[i] = from_bytes(bytes + i * width, is_float32);
    }
    free(bytes);
    return is_whole;
}

/* ---- activations: a value, and the slope that belongs to it ---- */

static double linear(double z) { return z; }
static double linear_slope(double z) { return (void)z, 1; }
static double relu(double z) { return z < 0 ? 0 : z; } /* so that NaN stays NaN */
static double relu_slope(double z) { return z > 0; }
static double tanh_slope(double z) { return 1 / (cosh(z) * cosh(z)); }
static double sigmoid(double z) { return 1 / (1 + exp(-z)); }
static double sigmoid_slope(double z) { return sigmoid(z) * sigmoid(-z); }

/* The normal distribution's cumulative probability; erfc keeps its digits in the left tail, where 1 + erf has none. */
static double normal_cdf(double z) { return erfc(-z / sqrt(2)) / 2; }
static double gelu(double z) { return z * normal_cdf(z); }
static double gelu_slope(double z) { return normal_cdf(z) + z * exp(-z * z / 2) / sqrt(2 * acos(-1)); }

/* Softmax has no function of one number: it couples the units of a row. */
typedef struct {
    const char *name;
    double (*value)(double z);
    double (*slope)(double z);
} Activation;

static const Activation ACTIVATIONS[] = {
    {"linear", linear, linear_slope},
    {"relu", relu, relu_slope},
    {"tanh", tanh, tanh_slope},
    {"sigmoid", sigmoid, sigmoid_slope},
    {"gelu", gelu, gelu_slope},
    {"softmax", NULL, NULL},
};
enum { ACTIVATION_COUNT = sizeof ACTIVATIONS / sizeof *ACTIVATIONS };

/* The largest of a row is taken away first, so that no power of e overflows. */
static void softmax(const double *z, double *outputs, size_t units)
{
    double largest = -INFINITY, total = 0;
    for (size_t j = 0; j < units; j++)
        largest = fmax(largest, z[j]);
    for (size_t j = 0; j < units; j++)
        total += outputs[j] = exp(z[j] - largest);
    for (size_t j = 0; j < units; j++)
        outputs[j] /= total;
}

/* One row of pre-activations (units) -> one row of outputs (units). */
static void activate(const Activation *activation, const double *z, double *outputs, size_t units)
{
    if (!activation->value) {
        softmax(z, outputs, units);
        return;
    }
    for (size_t j = 0; j < units; j++)
        outputs[j] = activation->value(z[j]);
}

/* The gradient of sum(upstream * outputs) by one row of pre-activations; all are (units). */
static void pull_back(
    const Activation *activation, const double *z, const double *upstream, double *delta, size_t units)
{
    if (activation->slope) {
        for (size_t j = 0; j < units; j++)
            delta[j] = upstream[j] * activation->slope(z[j]);
        return;
    }
    double mean = 0;
    softmax(z, delta, units);
    for (size_t j = 0; j < units; j++)
        mean += upstream[j] * delta[j];
    for (size_t j = 0; j < units; j++)
        delta[j] *= upstream[j] - mean;
}

/* ---- the layer ---- */

/* kernel (input_dim, units); bias (units), or NULL without one. */
typedef struct {
    const Activation *activation;
    bool is_float32;
    size_t input_dim, units;
    double *kernel, *bias;
} Layer;

/* inputs (..., input_dim) -> zeros for outputs (..., units). */
static Tensor room_for_outputs(const Layer *layer, Tensor inputs)
{
    Tensor outputs = inputs;
    outputs.count = outputs.shape[outputs.rank - 1] = layer->units;
    for (size_t axis = 0; axis + 1 < outputs.rank; axis++)
        outputs.count *= outputs.shape[axis];
    outputs.values = zeros(outputs.count);
    return outputs;
}

/* inputs (..., input_dim) -> inputs @ kernel + bias (..., units), rounded to the layer's dtype. */
static Tensor pre_activations(const Layer *layer, Tensor inputs)
{
    size_t units = layer->units;
    Tensor sums = room_for_outputs(layer, inputs);
    for (size_t row = 0; row < sums.count / units; row++) {
        const double *x = inputs.values + row * layer->input_dim;
        double *z = sums.values + row * units;
        for (size_t i = 0; i < layer->input_dim; i++)
            for (size_t j = 0; j < units; j++)
                z[j] += x[i] * layer->kernel[i * units + j];
        for (size_t j = 0; j < units; j++) {
            z[j] += layer->bias ? layer->bias[j] : 0;
            z[j] = layer->is_float32 ? (float)z[j] : z[j];
        }
    }
    return sums;
}

/* z, outputs (..., units). */
static Tensor activated(const Layer *layer, Tensor z)
{
    Tensor outputs = room_for_outputs(layer, z);
    for (size_t place = 0; place < z.count; place += layer->units)
        activate(layer->activation, z.values + place, outputs.values + place, layer->units);
    return outputs;
}

/* The gradients of sum(upstream * outputs): kernel (input_dim, units), bias (units), inputs (..., input_dim). */
typedef struct {
    Tensor kernel, bias, inputs;
} Gradients;

static Gradients no_gradients(const Layer *layer, Tensor inputs)
{
    size_t units = layer->units, input_dim = layer->input_dim;
    Gradients found = {
        .kernel = {.rank = 2, .shape = {input_dim, units}, .count = input_dim * units},
        .bias = {.rank = 1, .shape = {units}, .count = units},
        .inputs = inputs,
    };
    found.kernel.values = zeros(found.kernel.count);
    found.bias.values = zeros(found.bias.count);
    found.inputs.values = zeros(found.inputs.count);
    return found;
}

/* What one row, with its delta (units), adds to the gradients. */
static void add_row(const Layer *layer, const double *x, const double *delta, size_t row, Gradients *sums)
{
    size_t units = layer->units, input_dim = layer->input_dim;
    double *inputs_gradient = sums->inputs.values + row * input_dim;
    for (size_t i = 0; i < input_dim; i++)
        for (size_t j = 0; j < units; j++) {
            sums->kernel.values[i * units + j] += x[i] * delta[j];
            inputs_gradient[i] += delta[j] * layer->kernel[i * units + j];
        }
    for (size_t j = 0; j < units; j++)
        sums->bias.values[j] += delta[j];
}

static Gradients gradients(const Layer *layer, Tensor inputs, Tensor z, Tensor upstream)
{
    Gradients sums = no_gradients(layer, inputs);
    double *delta = zeros(layer->units);
    for (size_t row = 0; row < z.count / layer->units; row++) {
        size_t place = row * layer->units;
        pull_back(layer->activation, z.values + place, upstream.values + place, delta, layer->units);
        add_row(layer, inputs.values + row * layer->input_dim, delta, row, &sums);
    }
    free(delta);
    return sums;
}

/* ---- answers: each appends to `out`, and says what is wrong with the message, or NULL ---- */

static Layer *layers;
static size_t layer_count;

/* The layer that a message is about; NULL where there is none of its number. */
static Layer *layer_of(const char *message)
{
    size_t number = integer(member(message, "layer"));
    return number < layer_count ? &layers[number] : NULL;
}

static const char *answer_hello(const char *message, Text *out)
{
    (void)message;
    put(out, "\"protocol\":1,\"name\":\"dense.c\",\"version\":\"1\",");
    put(out, "\"capabilities\":[\"call\",\"differentiate\",\"describe\"],\"dtypes\":[\"float32\",\"float64\"],");
    put(out, "\"activations\":[");
    for (size_t i = 0; i < ACTIVATION_COUNT; i++) {
        put(out, i ? ",\"" : "\"");
        put(out, ACTIVATIONS[i].name);
        put(out, "\"");
    }
    put(out, "]");
    return NULL;
}

static const char *answer_build(const char *message, Text *out)
{
    const char *config = member(message, "config"), *dtype = member(config, "dtype");
    Layer layer = {.is_float32 = is_string(dtype, "float32"), .units = integer(member(config, "units"))};
    for (const char *axis = first_item(member(message, "input_shape")); axis; axis = next_item(axis))
        layer.input_dim = integer(axis);
    for (size_t i = 0; i < ACTIVATION_COUNT; i++)
        if (is_string(member(config, "activation"), ACTIVATIONS[i].name))
            layer.activation = &ACTIVATIONS[i];
    if (!layer.activation || !(layer.is_float32 || is_string(dtype, "float64")))
        return "the activation or the dtype is none of those that were declared";
    if (layer.units == 0 || layer.units == SIZE_MAX || layer.input_dim == SIZE_MAX)
        return "units must be a positive integer, and input_shape a list of integers";
    const char *use_bias = member(config, "use_bias");
    layer.kernel = zeros(layer.input_dim * layer.units);
    layer.bias = use_bias && *use_bias == 't' ? zeros(layer.units) : NULL;
    layers = memory(layers, (layer_count + 1) * sizeof *layers);
    layers[layer_count] = layer;
    put(out, "\"layer\":");
    put_integer(out, layer_count++);
    return NULL;
}

/* Copies the tensor into a weight of count numbers; false where it is none. */
static bool read_weight(const char *value, const Layer *layer, double *weight, size_t count)
{
    Tensor tensor;
    if (!read_tensor(value, layer->is_float32, &tensor))
        return false;
    bool fits = tensor.count == count;
    if (fits)
        memcpy(weight, tensor.values, count * sizeof *weight);
    free(tensor.values);
    return fits;
}

static const char *answer_load(const char *message, Text *out)
{
    (void)out;
    Layer *layer = layer_of(message);
    const char *bias = member(message, "bias");
    if (!layer)
        return "there is no layer of this number";
    if (!read_weight(member(message, "kernel"), layer, layer->kernel, layer->input_dim * layer->units))
        return "kernel must be a tensor of shape [input_dim, units] and of the layer's dtype";
    if (is_null(bias) != !layer->bias)
        return "bias must be a tensor for a layer with one, and null for one without";
    if (layer->bias && !read_weight(bias, layer, layer->bias, layer->units))
        return "bias must be a tensor of shape [units] and of the layer's dtype";
    return NULL;
}

static bool read_inputs(const char *value, const Layer *layer, Tensor *inputs)
{
    if (!read_tensor(value, layer->is_float32, inputs))
        return false;
    bool fits = inputs->rank > 0 && inputs->shape[inputs->rank - 1] == layer->input_dim;
    if (!fits)
        free(inputs->values);
    return fits;
}

static const char *answer_call(const char *message, Text *out)
{
    Layer *layer = layer_of(message);
    if (!layer)
        return "there is no layer of this number";
    put(out, "\"outputs\":[");
    const char *first = first_item(member(message, "inputs"));
    for (const char *item = first; item; item = next_item(item)) {
        Tensor inputs;
        if (!read_inputs(item, layer, &inputs))
            return "inputs must be tensors of shape [..., input_dim] and of the layer's dtype";
        Tensor z = pre_activations(layer, inputs), outputs = activated(layer, z);
        put(out, item == first ? "" : ",");
        put_tensor(out, outputs, layer->is_float32);
        free(inputs.values), free(z.values), free(outputs.values);
    }
    put(out, "]");
    return NULL;
}

static void put_gradients(Text *out, const Layer *layer, Tensor inputs, Tensor upstream)
{
    Tensor z = pre_activations(layer, inputs), outputs = activated(layer, z);
    Gradients found = gradients(layer, inputs, z, upstream);
    put(out, "{\"outputs\":");
    put_tensor(out, outputs, layer->is_float32);
    put(out, ",\"kernel_gradient\":");
    put_tensor(out, found.kernel, layer->is_float32);
    put(out, ",\"inputs_gradient\":");
    put_tensor(out, found.inputs, layer->is_float32);
    put(out, ",\"bias_gradient\":");
    if (layer->bias)
        put_tensor(out, found.bias, layer->is_float32);
    else
        put(out, "null");
    put(out, "}");
    free(z.values), free(outputs.values);
    free(found.kernel.values), free(found.bias.values), free(found.inputs.values);
}

static const char *answer_differentiate(const char *message, Text *out)
{
    Layer *layer = layer_of(message);
    if (!layer)
        return "there is no layer of this number";
    put(out, "\"answers\":[");
    const char *first = first_item(member(message, "inputs"));
    const char *upstream_item = first_item(member(message, "upstream"));
    for (const char *item = first; item; item = next_item(item)) {
        Tensor inputs, upstream;
        if (!read_inputs(item, layer, &inputs))
            return "inputs must be tensors of shape [..., input_dim] and of the layer's dtype";
        if (!upstream_item || !read_tensor(upstream_item, layer->is_float32, &upstream))
            return "upstream must have a tensor for each of the inputs";
        size_t rows = layer->input_dim ? inputs.count / layer->input_dim : upstream.count / layer->units;
        if (upstream.count != rows * layer->units)
            return "upstream must be tensors of shape [..., units]";
        put(out, item == first ? "" : ",");
        put_gradients(out, layer, inputs, upstream);
        free(inputs.values), free(upstream.values);
        upstream_item = next_item(upstream_item);
    }
    put(out, "]");
    return NULL;
}

static void put_description(Text *out, const Layer *layer, const char *name)
{
    put(out, "{\"name\":\"");
    put(out, name);
    put(out, "\",\"shape\":[");
    if (strcmp(name, "kernel") == 0) {
        put_integer(out, layer->input_dim);
        put(out, ",");
    }
    put_integer(out, layer->units);
    put(out, "],\"trainable\":true,\"dtype\":");
    put(out, layer->is_float32 ? "\"float32\"}" : "\"float64\"}");
}

static const char *answer_describe(const char *message, Text *out)
{
    Layer *layer = layer_of(message);
    if (!layer)
        return "there is no layer of this number";
    size_t count = layer->input_dim * layer->units + (layer->bias ? layer->units : 0);
    put(out, "\"weights\":[");
    put_description(out, layer, "kernel");
    if (layer->bias) {
        put(out, ",");
        put_description(out, layer, "bias");
    }
    put(out, "],\"count\":");
    put_integer(out, count);
    put(out, ",\"trainable\":");
    put_integer(out, count);
    return NULL;
}

static const struct {
    const char *name;
    const char *(*answer)(const char *message, Text *out);
} MESSAGES[] = {
    {"hello", answer_hello},
    {"build", answer_build},
    {"load", answer_load},
    {"call", answer_call},
    {"differentiate", answer_differentiate},
    {"describe", answer_describe},
};

/* What the message asks for, or what is wrong with it. */
static const char *answer(const char *message, Text *out)
{
    for (size_t i = 0; i < sizeof MESSAGES / sizeof *MESSAGES; i++)
        if (is_string(member(message, "do"), MESSAGES[i].name))
            return MESSAGES[i].answer(message, out);
    return "this is no message of protocol 1";
}

/* ---- the conversation ---- */

/* False at the end of the input. */
static bool read_line(Text *line)
{
    int c;
    line->length = 0;
    while ((c = getchar()) != EOF && c != '\n')
        put_char(line, (char)c);
    return c != EOF;
}

int main(void)
{
    Text line = {0}, out = {0}, whole = {0};
    while (read_line(&line)) {
        const char *message = visible(line.length ? line.chars : ""), *id = member(message, "id");
        out.length = whole.length = 0;
        const char *complaint = answer(message, &out);
        put(&whole, "{\"id\":");
        for (const char *end = id ? after_value(id) : NULL; id && id < end; id++)
            put_char(&whole, *id);
        if (complaint) {
            put(&whole, ",\"error\":{\"type\":\"ValueError\",\"message\":\"");
            put(&whole, complaint);
            put(&whole, "\"}");
        } else if (out.length) {
            put(&whole, ",");
            put(&whole, out.chars);
        }
        put(&whole, "}\n");
        fwrite(whole.chars, 1, whole.length, stdout);
        fflush(stdout);
    }
    return 0;
}
