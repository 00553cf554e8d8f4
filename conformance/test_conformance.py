"""What `pytest --pyargs conformance --dense-implementation NAME` collects."""

from conformance.run import RunnableCase


def test_dense(dense_case: RunnableCase) -> None:
    dense_case.run()
