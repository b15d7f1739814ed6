"""CRC-64/NVME of many bytes in pure Python, five times as fast as byte by byte (a second per exported database).

A CRC is linear: the body is cut into blocks of equal length whose CRCs advance together, one byte of each per step, as
rows of bytes that `bytes.translate` and the exclusive or of large integers work on at C's speed. Then the blocks'
CRCs are joined: what a block's zeroed successor does to a CRC is linear as well, so 8 tables do it.
"""

from functools import lru_cache

from ministack.services import s3

ONES = (1 << 64) - 1
WIDTH = 8  # bytes of a CRC
SHORT = 8192  # bytes, below which byte by byte is as fast
LENGTH = 256  # bytes of a block
TABLE: tuple[int, ...] = s3._CRC64NVME_TABLE
COLUMNS = [bytes(entry >> 8 * place & 0xFF for entry in TABLE) for place in range(WIDTH)]


def checksum(body: bytes) -> int:
    """What ``s3._crc64nvme`` answers."""
    blocks = len(body) // LENGTH if len(body) >= SHORT else 0
    crc = ONES
    if blocks:
        advance = zeros()
        for remainder in remainders(body[: blocks * LENGTH], blocks):
            joined = remainder
            for place in range(WIDTH):
                joined ^= advance[place][crc >> 8 * place & 0xFF]
            crc = joined
    for byte in body[blocks * LENGTH :]:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ ONES


def remainders(body: bytes, blocks: int) -> list[int]:
    """The CRC of each block of *body*, from zero."""
    rows = [0] * WIDTH  # byte of the CRC, lowest first -> that byte of all blocks' CRCs, as one integer
    for step in range(LENGTH):
        index = (rows[0] ^ int.from_bytes(body[step::LENGTH])).to_bytes(blocks)
        shifted = [*rows[1:], 0]
        rows = [row ^ int.from_bytes(index.translate(column)) for row, column in zip(shifted, COLUMNS, strict=True)]
    planes = [row.to_bytes(blocks) for row in rows]
    return [int.from_bytes(each, "little") for each in zip(*planes, strict=True)]


@lru_cache(1)
def zeros() -> list[list[int]]:
    """For each byte of a CRC and each value of it, its share in the CRC after a block of zeros."""

    def after(crc: int) -> int:
        for _ in range(LENGTH):
            crc = TABLE[crc & 0xFF] ^ (crc >> 8)
        return crc

    tables = []
    for place in range(WIDTH):
        table = [0]
        for bit in range(8):
            share = after(1 << 8 * place + bit)
            table += [each ^ share for each in table]
        tables.append(table)
    return tables
