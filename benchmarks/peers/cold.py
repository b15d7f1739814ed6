# Each way imports what it needs, and no more.
# ruff: noqa: D103, PLC0415
"""What a function of the item API does before its first request, in one of several ways: ``cold.py WAY FOLDER``.

FOLDER holds the unpacked archive. Each way makes its routes, its TLS context (one bundle) and a token for the database.
"""

import sys

way, folder = sys.argv[1:]
BUNDLE = f"{folder}/handlers/certificates/proxy.pem"
HOST, PORT, USER, REGION = "proxy.example.eu-west-1.rds.amazonaws.com", 3306, "holdfast_app", "eu-west-1"
PATHS = ("/items", "/items/{item_id}")


def ours(*, token_by_boto3: bool = False) -> None:
    import os

    sys.path.insert(0, folder)
    os.environ.update(PREFIX="p", CA_BUNDLE=BUNDLE, AWS_REGION=REGION)
    from handlers import serve_resources

    assert serve_resources.handler
    if token_by_boto3:
        import boto3

        boto3.client("rds", region_name=REGION).generate_db_auth_token(HOST, PORT, USER)
    else:
        token()


def token() -> None:
    from datetime import UTC, datetime

    if folder not in sys.path:
        sys.path.append(folder)  # behind this environment's own packages
    from handlers import rds_token

    rds_token.token(HOST, PORT, USER, region=REGION, holder=rds_token.Credentials("a", "s", "t"), at=datetime.now(UTC))


def tls() -> object:
    import ssl

    return ssl.create_default_context(cafile=BUNDLE)


def flask() -> None:
    import apig_wsgi
    import pymysql
    from flask import Flask

    app = Flask("items")
    for path in PATHS:
        for method in ("GET", "POST", "PUT"):
            rule = path.replace("{", "<").replace("}", ">")
            app.add_url_rule(rule, f"{method} {path}", lambda **_: {}, methods=[method])
    assert apig_wsgi.make_lambda_handler(app)
    assert pymysql.connect
    assert tls()
    token()


def fastapi() -> None:
    from fastapi import FastAPI
    from mangum import Mangum
    from pydantic import BaseModel, Field
    from sqlalchemy import create_engine
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

    class Base(DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "items"
        id: Mapped[str] = mapped_column(primary_key=True)
        title: Mapped[str]

    class Item(BaseModel):
        title: str = Field(min_length=1, max_length=200)
        note: str = Field(default="", max_length=2000)
        quantity: int = Field(default=0, ge=0, le=1_000_000)

    def read() -> dict[str, str]:
        return {}

    def write(item: Item) -> Item:
        return item

    app = FastAPI()
    for path in PATHS:
        app.get(path)(read)
        app.post(path)(write)
        app.put(path)(write)
    assert Mangum(app, lifespan="off")
    assert create_engine(f"mysql+pymysql://{USER}@{HOST}/holdfast", connect_args={"ssl": tls()})
    token()


WAYS = {
    "bare": lambda: None,
    "ours": ours,
    "boto3": lambda: ours(token_by_boto3=True),
    "flask": flask,
    "fastapi": fastapi,
}
WAYS[way]()
