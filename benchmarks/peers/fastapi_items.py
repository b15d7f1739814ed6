"""The items with FastAPI, SQLAlchemy's sessions and Mangum; without log and metric."""

from collections.abc import Callable
from itertools import count
from typing import Any

from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel, Field
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

TIME = "2026-01-01 00:00:00"


class Base(DeclarativeBase):
    """Of the tables."""


class Row(Base):
    """Of the table."""

    __tablename__ = "items"
    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    note: Mapped[str]
    quantity: Mapped[int]
    version: Mapped[int]
    created_at: Mapped[str]
    updated_at: Mapped[str]


class Item(BaseModel):
    """What clients send."""

    title: str = Field(min_length=1, max_length=200)
    note: str = Field(default="", max_length=2000)
    quantity: int = Field(default=0, ge=0, le=1_000_000)


class Found(Item):
    """What they get."""

    id: str
    version: int


def answering(port: int) -> Callable[[dict[str, Any], Any], Any]:
    """A handler, with the database on *port*."""
    address = f"mysql+pymysql://bench:bench@127.0.0.1:{port}/holdfast"
    engine = create_engine(address, pool_size=1, max_overflow=0, connect_args={"ssl_disabled": True})
    app, made = FastAPI(), count()

    @app.get("/items/{item_id}", response_model=Found)
    def get(item_id: str) -> Any:
        with Session(engine) as session:
            row = session.get_one(Row, item_id)
            return {name: getattr(row, name) for name in Found.model_fields}

    @app.post("/items", status_code=201)
    def post(item: Item) -> dict[str, str]:
        with Session(engine) as session:
            row = Row(id=f"F{next(made):025d}", version=1, created_at=TIME, updated_at=TIME, **item.model_dump())
            session.add(row)
            session.commit()
            return {"id": row.id}

    found: Callable[[dict[str, Any], Any], Any] = Mangum(app, lifespan="off")
    return found
