"""stub"""


def render_result(result, name):
    return str(result)
