"""RDS Proxy's endpoints: a gate each, in front of the server that is the target at the moment.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html
"""

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import rds

from sandbox.engine.rds import certificates, databases, tokens
from sandbox.engine.rds.common import Answer, Parameters, Record, directory, value
from sandbox.engine.rds.gate import Gate, Rules
from sandbox.mysql import Server

_gates: dict[str, Gate] = {}  # by the proxy's ARN


def create(parameters: Parameters) -> Answer:
    """AWS's endpoint is a host name on port 3306; here it is ``127.0.0.1:<port>``, which really listens."""
    made: Answer = rds._create_db_proxy(parameters)
    proxy = rds._db_proxies.get(value(parameters, "DBProxyName"))
    if made[0] >= 400 or proxy["EngineFamily"] != "MYSQL":  # noqa: PLR2004
        return made
    gate = Gate(_rules(proxy), certificates.context_of(directory().parent))
    _gates[proxy["DBProxyArn"]] = gate
    proxy["Endpoint"] = f"127.0.0.1:{gate.port}"
    rds._db_proxy_endpoints[proxy["DBProxyName"]]["Endpoint"] = proxy["Endpoint"]
    answer: Answer = rds._xml(
        200,
        "CreateDBProxyResponse",
        f"<CreateDBProxyResult><DBProxy>{rds._db_proxy_xml(proxy)}</DBProxy></CreateDBProxyResult>",
    )
    return answer


def delete(parameters: Parameters) -> Answer:
    """The port closes with its proxy."""
    proxy = rds._db_proxies.get(value(parameters, "DBProxyName"))
    answer: Answer = rds._delete_db_proxy(parameters)
    gate = _gates.pop(proxy["DBProxyArn"], None) if proxy and answer[0] < 400 else None  # noqa: PLR2004
    if gate:
        gate.close()
    return answer


def close_all() -> None:
    """Close every endpoint; for the engine's reset."""
    for gate in _gates.values():
        gate.close()
    _gates.clear()


def _rules(proxy: Record) -> Rules:
    """What the gate of a proxy asks: the policy names the proxy's ``prx-`` id instead of the database's.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-connecting.html
    """
    account, region = get_account_id(), get_region()
    resource = proxy["DBProxyArn"].rpartition(":")[2]

    def target() -> Server | None:
        names = [found["RdsResourceId"] for found in proxy["Targets"] if found["Type"] == "RDS_INSTANCE"]
        with request_scope(account, region):
            instance = rds._instances.get(names[0]) if names else None
        return databases.server_of(instance) if instance else None

    def refusal(user: str, token: str, port: int) -> str | None:
        return tokens.refusal(tokens.Target(account, region, resource), user, token, port)

    return Rules(server=target, secure_only=lambda: bool(proxy["RequireTLS"]), refusal=refusal)
