"""What can be asked of an implementation: one entry for each procedure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Procedure:
    """One thing that can be asked of an implementation.

    capability: what an implementation must declare to be asked; tensors, facts: the names of what a full answer holds.
    bounds: what the reference must enclose before the answer can be judged: a name of `truth.BOUNDS`, or "".
    """

    capability: str
    tensors: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    bounds: str = ""


GRADIENTS = ("kernel_gradient", "bias_gradient", "inputs_gradient")
SECOND_GRADIENTS = ("second_kernel_gradient", "second_inputs_gradient")
#: All that the arguments of a layer say of it.
BEHAVIOUR = ("kernel", "bias", "kernel_constrained", "bias_constrained", "outputs", "losses")

#: Every procedure by name. What the options of a question mean to a procedure is said where it is carried out.
PROCEDURES: Mapping[str, Procedure] = {
    # a fresh layer, called on ones with whatever weights it has: can it be talked to at all?
    "talk": Procedure("call", tensors=("outputs",)),
    # a layer with these weights, called on these inputs
    "call": Procedure("call", tensors=("outputs",), bounds="outputs"),
    # the same, and the gradients of sum(upstream * outputs)
    "differentiate": Procedure("differentiate", tensors=("outputs", *GRADIENTS), bounds="gradients"),
    # the gradients taken twice, of which the second are looked at; and what was handed in, afterwards
    "differentiate_again": Procedure(
        "differentiate", tensors=("outputs", *GRADIENTS, "inputs_after", "upstream_after"), bounds="gradients_again"
    ),
    # the gradients of sum(direction * inputs_gradient), direction being the inputs
    "differentiate_twice": Procedure("differentiate_twice", tensors=SECOND_GRADIENTS, bounds="curvature"),
    # `baseline` below is the plain answer of a fresh layer: where that is wrong already, the rest is held to it
    # called on the whole batch, then on each row of the first axis alone
    "call_rows": Procedure("call", tensors=("outputs", "row_by_row"), bounds="outputs"),
    # called twice, with another batch in between; what the first outputs hold after that, and the inputs at last
    "call_again": Procedure("call", tensors=("first", "first_after", "second", "inputs_after"), bounds="outputs"),
    # called on the first row alone, then on all; of another layer on all of them twice over, then on all once
    "call_other_batch": Procedure("call", tensors=("after_fewer", "after_more", "baseline"), bounds="outputs"),
    # called on views of wider memory: of every second feature, and of features that lie in columns
    "call_views": Procedure("call", tensors=("of_steps", "of_columns", "baseline"), bounds="outputs"),
    # called with other weights first, then with these
    "reload": Procedure("call", tensors=("outputs", "baseline"), bounds="outputs"),
    # two layers of one config with different weights, both called after both were loaded
    "two_layers": Procedure("call", tensors=("outputs", "baseline"), bounds="outputs"),
    # called with training=True and training=False
    "call_modes": Procedure("keras", tensors=("training", "inference", "baseline"), bounds="outputs"),
    # called after a construction that the options describe: activation_as=name, class-name, function, layer, none or
    # own
    "call_constructed": Procedure("keras", tensors=("outputs",), bounds="outputs"),
    # called under tf.function; option signature=unknown: traced for leading axes of unknown length
    "call_graph": Procedure("keras", tensors=("outputs", "baseline"), bounds="outputs"),
    # built on an input shape, not called
    "build": Procedure("describe", facts=("weights", "count", "trainable")),
    # called once, then described
    "call_unbuilt": Procedure("describe", facts=("weights", "count", "trainable")),
    # a Sequential model of layers whose units and settings the options name
    "stack": Procedure("keras", facts=("counts", "weights", "output_shape")),
    # called on keras.Input of the input shape, None for an unknown dimension
    "call_symbolic": Procedure("keras", facts=("output_shape",)),
    # compute_output_shape
    "infer_shape": Procedure("keras", facts=("output_shape",)),
    # a layer built on the standard shape, called on another one
    "call_other_shape": Procedure("keras", tensors=("outputs",), bounds="outputs"),
    # a fresh layer called on inputs that Keras refuses
    "call_refused": Procedure("keras"),
    # ---- dtypes ------------------------------------------------------------------------------------------------------
    # a fresh layer, called on inputs of another dtype, of the same values but for what rounding to nearest undoes:
    # option given: that dtype; option nudge=up or down: by 2^-30; option handed=array: as an array, not as a tensor
    "call_cast": Procedure("keras", tensors=("outputs",), facts=("weights",), bounds="outputs"),
    # the weights' gradients for inputs of the dtype given
    "differentiate_cast": Procedure(
        "keras", tensors=("outputs", "kernel_gradient", "bias_gradient"), bounds="gradients"
    ),
    # given its policy by option policy_by=argument, object, dtype, or global for the global one; called
    "call_under_policy": Procedure("keras", tensors=("outputs",), facts=("weights",), bounds="outputs"),
    # called on keras.Input: which dtype is declared
    "declare_dtype": Procedure("keras", facts=("output_dtype",)),
    # the weights as they are after they were set
    "keep_weights": Procedure("keras", tensors=("kernel_after", "bias_after"), bounds="weights"),
    # ---- initializers ------------------------------------------------------------------------------------------------
    # the weights as they begin, and those of a second layer: option given_as as for read_losses, or none for None in
    # place of each initializer
    "begin": Procedure("keras", tensors=("kernel", "bias", "second_kernel", "second_bias")),
    # two runs of one program with one seed, and one with another: option seed
    "begin_seeded": Procedure("keras", facts=("same again", "other seed differs")),
    # how often, with which shape and dtype, a callable initializer is called
    "begin_called": Procedure("keras", tensors=("kernel", "bias"), facts=("calls",)),
    # the weights after arrays were given as initializers
    "begin_with_arrays": Procedure("keras", tensors=("kernel_after", "bias_after"), bounds="weights"),
    # the weights after the argument weights and a first call
    "begin_with_weights": Procedure("keras", tensors=("kernel_after", "bias_after"), bounds="weights"),
    # ---- losses ------------------------------------------------------------------------------------------------------
    # the values in `losses`, least first, after a second call, and the gradients of their sum; how many there were when
    # the layer was built, before any call; option given_as: object, config, name or callable; option frozen=yes: of a
    # layer that does not train
    "read_losses": Procedure("keras", tensors=("losses", *GRADIENTS), facts=("built",), bounds="penalties"),
    # the same values, of a graph that was traced for leading axes of unknown length
    "read_losses_in_graph": Procedure("keras", tensors=("losses",), bounds="penalties"),
    # ---- constraints -------------------------------------------------------------------------------------------------
    # a constraint given as the option given_as says, applied to the weights by one step of an optimizer
    "step": Procedure("keras", tensors=("kernel_after", "bias_after"), bounds="fit"),
    # what the constraint that each weight carries makes of it
    "constrain": Procedure("keras", tensors=("kernel_constrained", "bias_constrained"), bounds="constrained"),
    # the weights after they were set, and after calls and an evaluation
    "use_constrained": Procedure("keras", tensors=("kernel_after", "bias_after"), bounds="weights"),
    # ---- weights -----------------------------------------------------------------------------------------------------
    # what a user reads of a layer, before it is built, after, without bias and frozen: option state=unbuilt or built;
    # option frozen=constructor or later; option thawed=yes; option shape_as: what build is given
    "read_attributes": Procedure(
        "keras", facts=("built", "numbers", "trainable_numbers", "trainable_shapes", "attributes")
    ),
    # the weights set by `assign` of the attributes kernel and bias; called
    "assign_weights": Procedure("keras", tensors=("outputs",), bounds="outputs"),
    # the gradients of a layer that was frozen after it was built
    "differentiate_frozen": Procedure("keras", tensors=("outputs", *GRADIENTS), bounds="gradients"),
    # called for the first time inside tf.function, then loaded and called there again; option lane: graph or xla
    "build_in_lane": Procedure(
        "keras", tensors=("outputs",), facts=("weights", "count", "trainable"), bounds="outputs"
    ),
    # weights taken, overwritten in the caller's arrays, and given to a second layer
    "take_weights": Procedure("keras", tensors=("kernel_after", "bias_after"), bounds="weights"),
    # set_weights with what the option wrong names; then right ones, and a call
    "set_wrong_weights": Procedure("keras", tensors=("outputs",), facts=("refused", "unchanged"), bounds="outputs"),
    # fitted as a frozen layer: nothing moves
    "fit_frozen": Procedure("keras", tensors=("kernel_after", "bias_after"), bounds="weights"),
    # ---- composition -------------------------------------------------------------------------------------------------
    # called inside the model that the option model names: sequential, deferred, functional, subclassed, distributed
    "call_in_model": Procedure("keras", tensors=("outputs",), facts=("weights",), bounds="outputs"),
    # one layer called on the inputs and on their negatives: the gradients of the first outputs and twice the second
    "call_shared": Procedure(
        "keras", tensors=("kernel_gradient", "bias_gradient"), facts=("weights",), bounds="shared"
    ),
    # called behind a mask: the outputs, the losses, and the mask that comes out
    "call_masked": Procedure("keras", tensors=("outputs", "losses"), facts=("mask",), bounds="restored"),
    # ---- modes -------------------------------------------------------------------------------------------------------
    # a model of the layer, fitted by SGD on the loss sum(targets * outputs), which is linear in the outputs; option
    # steps: how many, of all rows each; option lane: eager, graph or xla
    "fit": Procedure("keras", tensors=("kernel_after", "bias_after", "reported_loss"), bounds="fit"),
    # the loss that evaluate reports of the same model, and the weights after it
    "evaluate": Procedure("keras", tensors=("kernel_after", "bias_after", "reported_loss"), bounds="evaluated"),
    # a model's predictions, option batch rows at a time
    "predict": Procedure("keras", tensors=("outputs",), bounds="outputs"),
    # outputs and gradients under tf.function; option lane: graph or xla; option signature=unknown as for call_graph
    "differentiate_in_lane": Procedure("keras", tensors=("outputs", *GRADIENTS), bounds="gradients"),
    # the gradients for a second upstream gradient of one persistent tape
    "several_tapes": Procedure("keras", tensors=("outputs", *GRADIENTS), bounds="gradients"),
    # the gradients by tape.jacobian
    "jacobian": Procedure("keras", tensors=GRADIENTS, bounds="gradients"),
    # of a linear layer the derivative along its own weights, in forward mode: its outputs again
    "forward_mode": Procedure("keras", tensors=("outputs",), bounds="outputs"),
    # ---- saving ------------------------------------------------------------------------------------------------------
    # from_config(get_config()): how the weights begin; with the same weights the outputs, the losses, and the
    # constrained weights; attributes that the config must hold; option activation_as=layer
    "restore_config": Procedure(
        "keras", tensors=BEHAVIOUR, facts=("weights", "kept", "json", "untouched"), bounds="restored"
    ),
    # what a layer of other units, or without bias, stored, given to this one: option of=units or bias
    "load_misfits": Procedure("keras", facts=("refused",)),
    # a model saved and loaded in the way of option way: file, weights, checkpoint, clone, export; called on other rows;
    # option frozen=yes: its layer does not train
    "restore_model": Procedure("keras", tensors=("outputs",), facts=("weights",), bounds="outputs"),
    # weights that the one wrote, read by the other: option writer=layer or stock; option through=store, for the layer's
    # own store, or file, for a weights file of a model
    "exchange_weights": Procedure("keras", tensors=("outputs",), bounds="outputs"),
    # ---- errors ------------------------------------------------------------------------------------------------------
    # constructed with the odd argument that the option odd names, built, and called; option by=config: by from_config
    "refuse": Procedure("keras"),
    # called on what no layer takes, named by the option given; then called right
    "refuse_inputs": Procedure("keras", tensors=("outputs",), facts=("refused",), bounds="outputs"),
    # all ten arguments given by position: what the layer computes, costs, begins with and is constrained by
    "construct_by_position": Procedure("keras", tensors=BEHAVIOUR, bounds="restored"),
    # ---- specials ----------------------------------------------------------------------------------------------------
}
