"""The gate before a server: TLS, tokens, AWS's own statements about users, and everything else untouched."""

import ssl

import pymysql
import pytest

from sandbox.engine.rds import certificates, iam_users
from sandbox.engine.rds.gate import Gate, Rules
from sandbox.mysql import Server

PASSWORD = "secret"


class Door:
    """A gate whose rules a test can change."""

    def __init__(self, server, directory):
        self.server, self.secure_only, self.ca = server, True, directory / "rds-ca.pem"
        self.asked = []
        rules = Rules(lambda: self.server, lambda: self.secure_only, self.refusal)
        self.gate = Gate(rules, certificates.make(directory))

    def refusal(self, user, token, port):
        self.asked.append((user, token, port))
        return None if token == "good" else "not good"

    def connect(self, user="admin", password=PASSWORD, **options):
        where = {"host": "127.0.0.1", "port": self.gate.port, "user": user, "password": password}
        tls = {"ssl_ca": str(self.ca), "ssl_verify_identity": True}
        return pymysql.connect(**{**where, **tls, "autocommit": True, "read_timeout": 20, **options})

    def plain(self, **options):
        return self.connect(ssl_ca=None, ssl_verify_identity=None, ssl_disabled=True, **options)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Server.start(tmp_path_factory.mktemp("gated") / "data")
    started.execute("CREATE USER admin IDENTIFIED BY 'secret'")
    started.execute("GRANT ALL ON *.* TO admin WITH GRANT OPTION")
    yield started
    started.delete()


@pytest.fixture
def door(server, tmp_path):
    opened = Door(server, tmp_path)
    yield opened
    opened.gate.close()


def rows(connection, sql, arguments=None):
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return cursor.fetchall()


def test_a_client_that_trusts_the_authority_gets_in_with_tls(door):
    connection = door.connect()
    assert connection._sock.version() == "TLSv1.3"
    assert rows(connection, "SELECT current_user()") == (("admin@%",),)


def test_the_name_localhost_is_on_the_certificate_too(door):
    assert rows(door.connect(host="localhost"), "SELECT 1") == ((1,),)


def test_a_client_that_trusts_others_refuses_the_certificate(door):
    with pytest.raises(pymysql.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        door.connect(ssl_ca=ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")


def test_plaintext_is_refused_with_mysqls_own_error(door):
    with pytest.raises(pymysql.OperationalError) as refused:
        door.plain()
    assert refused.value.args[0] == 3159


def test_plaintext_passes_where_the_parameter_group_allows_it(door):
    door.secure_only = False
    assert rows(door.plain(), "SELECT 1") == ((1,),)


def test_a_wrong_password_and_an_unknown_user_are_denied(door):
    for user, password in (("admin", "wrong"), ("nobody", "secret"), ("admin", "")):
        with pytest.raises(pymysql.OperationalError) as refused:
            door.connect(user, password)
        assert refused.value.args[0] == 1045


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE USER {} IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'",
        "create user if not exists '{}'@'%' identified with 'AWSAuthenticationPlugin' as \"RDS\" REQUIRE SSL",
        "/* migration */ CREATE USER `{}` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'",
    ],
)
def test_the_documented_statement_makes_a_user_who_logs_in_with_a_token(door, statement, request):
    user = f"iam{abs(hash(request.node.name)) % 10**8}"
    rows(door.connect(), statement.format(user))
    rows(door.connect(), f"GRANT SELECT ON mysql.* TO '{user}'@'%'")
    assert rows(door.connect(user, "good"), "SELECT current_user()") == ((f"{user}@%",),)
    assert door.asked == [(user, "good", door.gate.port)]
    with pytest.raises(pymysql.OperationalError) as refused:
        door.connect(user, "stale")
    assert refused.value.args[0] == 1045


def test_an_iam_user_has_no_password_that_anybody_could_use(door, server):
    iam_users.create_iam_user(server, "tokens_only", "SELECT ON *.*")
    door.secure_only = False
    for connect in (door.connect, door.plain):
        with pytest.raises(pymysql.OperationalError) as refused:
            connect(user="tokens_only", password=iam_users.password_of("tokens_only"))
        assert refused.value.args[0] == 1045


def test_an_ordinary_user_can_become_an_iam_user(door):
    rows(door.connect(), "CREATE USER changing IDENTIFIED WITH caching_sha2_password BY 'old'")
    assert rows(door.connect("changing", "old"), "SELECT 1") == ((1,),)
    rows(door.connect(), "ALTER USER 'changing'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'")
    assert rows(door.connect("changing", "good"), "SELECT 1") == ((1,),)


def test_the_database_of_the_login_is_selected(door, server):
    server.execute("CREATE DATABASE IF NOT EXISTS `first one`")
    assert rows(door.connect(database="first one"), "SELECT DATABASE()") == (("first one",),)


@pytest.mark.parametrize("size", [1, 16_383, 16_384, 100_000, 20_000_000])
def test_statements_and_answers_of_any_size_pass_unchanged(door, size):
    text = "0123456789é🐘"[:12] * (size // 12 + 1)
    assert rows(door.connect(), "SELECT %s", (text,)) == ((text,),)


def test_files_are_loaded_through_the_gate(door, server, tmp_path):
    server.execute("CREATE DATABASE IF NOT EXISTS files")
    server.execute("CREATE OR REPLACE TABLE files.t (n INT, t TEXT)")
    file = tmp_path / "rows.csv"
    file.write_text("".join(f"{number},create user {number}\n" for number in range(300_000)))  # > 255 packets
    sql = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE files.t FIELDS TERMINATED BY ','"
    rows(door.connect(local_infile=True), sql)
    assert server.execute("SELECT COUNT(*), SUM(n), MAX(LENGTH(t)) FROM files.t") == ((300_000, 44999850000, 18),)


def test_other_statements_with_the_same_words_are_left_alone():
    sql = "INSERT INTO notes VALUES ('CREATE USER x IDENTIFIED WITH AWSAuthenticationPlugin AS ''RDS'' REQUIRE SSL')"
    assert iam_users.translate(sql) == sql


def test_a_stopped_server_cuts_new_connections(door):
    door.server = None
    with pytest.raises(pymysql.OperationalError):
        door.connect()


def test_a_closed_gate_cuts_the_connections_it_had(door):
    connection = door.connect()
    door.gate.close()
    with pytest.raises(pymysql.OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    connection.close()
