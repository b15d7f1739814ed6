"""API Gateway's REST APIs: everything that an OpenAPI document says, deployments, integrations, errors, logs.

``specification`` and ``importing`` read the document, ``deployments`` copies what a stage serves, ``gateway`` is the
way of a request, ``calls`` what is known of it, ``validation`` and ``tokens`` what is asked of it, ``functions``,
``mappings`` and ``buckets`` its integrations, ``encodings`` how bodies travel, ``access_logs`` what is written of it.
"""

from sandbox.engine.apigateway import deployments, gateway, tokens


def install() -> None:
    """Replace what MiniStack does otherwise."""
    deployments.install()
    tokens.install()
    gateway.install()
