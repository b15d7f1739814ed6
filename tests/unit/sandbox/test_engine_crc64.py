import random

import pytest
from ministack.services import s3

from sandbox.engine import crc64


def test_it_has_the_published_check_value():
    # https://reveng.sourceforge.io/crc-catalogue/all.htm, CRC-64/NVME
    assert crc64.checksum(b"123456789") == 0xAE8B14860A799888


@pytest.mark.parametrize("length", [0, 1, crc64.SHORT - 1, crc64.SHORT, crc64.SHORT + 1, 20 * crc64.LENGTH, 112_345])
def test_it_is_what_byte_by_byte_gives(length):
    body = random.Random(length).randbytes(length)  # noqa: S311  # the same bytes each time
    assert crc64.checksum(body) == s3._crc64nvme(body)
