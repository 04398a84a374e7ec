"""Keys while the service answers: who is let in after their file has changed, and what is said of it."""

import asyncio

import pytest

from prefactor.errors import InputError
from prefactor.serving.online.keys import Keys, make_key
from prefactor.serving.online.ring import KeyRing
from tests.serving.online.test_gate import ASK, bearing
from tests.serving.online.world import calling, make_service


def test_deleting_the_only_key_shuts_its_owner_out(tmp_path):
    path = tmp_path / "keys"
    ada = make_key(path, "ada")
    ring = KeyRing(path)

    async def work():
        service = make_service()
        call = calling(service, keys=ring)
        before = await call.post("/v1/rank", ASK, headers=bearing(ada))
        path.write_text("")
        with pytest.raises(InputError, match="hold no key"):
            ring.renew()
        after = await call.post("/v1/rank", ASK, headers=bearing(ada))
        service.close()
        return before.status_code, after.status_code

    assert asyncio.run(work()) == (200, 403)


def test_trouble_is_said_with_the_path_in_the_log_and_without_it_to_everybody(tmp_path):
    path = tmp_path / "keys"
    make_key(path, "ada")
    ring = KeyRing(path)
    ring.renew()
    assert ring.trouble is None
    with path.open("a") as file:
        file.write("a line\n")
    with pytest.raises(InputError) as told:
        ring.renew()
    assert str(path) in str(told.value)
    assert ring.trouble.startswith("the keys are at fault, line 2") and str(tmp_path) not in ring.trouble
    path.write_text(path.read_text().replace("a line\n", ""))
    ring.renew()
    assert ring.trouble is None


def test_a_process_that_is_started_again_lets_in_who_was_there_at_the_start_and_still_is(tmp_path):
    path = tmp_path / "keys"
    ada, ben = make_key(path, "ada"), make_key(path, "ben")
    start = Keys.read(path)
    path.write_text(path.read_text().splitlines()[1] + "\na line\n")
    keys = KeyRing(path, start).keys
    assert (keys.owner(ada), keys.owner(ben)) == (None, "ben")


def test_a_file_at_fault_from_the_beginning_lets_nobody_in_and_nobody_is_not_everybody(tmp_path):
    ring = KeyRing(tmp_path / "none")
    assert ring.keys is not None and ring.keys.owner("pf_x") is None and "cannot be read" in ring.trouble
    ring = KeyRing(None)
    ring.renew()
    assert ring.keys is None and ring.trouble is None
