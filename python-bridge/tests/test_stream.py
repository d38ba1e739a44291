"""The WebSocket protocol against the real server."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from bundle import DIMENSIONS, RATE, SLOW_SAMPLE, expected
from numpy.typing import NDArray
from server_process import ServerProcess
from wire import HEADER, Client, Features, dial, greet, open_fields, window_frame

ANSWER_BYTES = HEADER.size + 4 * DIMENSIONS
NOISE = np.random.default_rng(7)


def noise(samples: int = RATE) -> NDArray[np.float32]:
    return (NOISE.standard_normal(samples) * 0.1).astype(np.float32)


def slow(samples: int = RATE) -> NDArray[np.float32]:
    window = noise(samples)
    window[0] = SLOW_SAMPLE
    return window


def test_ready_names_models_and_limits(client: Client) -> None:
    ready = client.ready
    assert ready["version"] == 1
    assert ready["models"][0]["name"] == ready["default"] == "fixture"
    assert ready["models"][0]["minimumSamples"] == 400
    assert ready["limits"]["maxMessageBytes"] >= 24 + 4 * ready["models"][0]["maximumSamples"]
    assert ready["heartbeatMs"] == 60_000


@pytest.mark.parametrize("encoding", ["f32le", "s16le"])
def test_windows_are_answered_in_order_with_the_models_vectors(client: Client, encoding: str) -> None:
    client.open(encoding=encoding)
    # Powers of two apart from 16 bit, so that s16 carries the samples exactly.
    windows = [np.round(noise(400 + 137 * n) * 32768).astype(np.float32) / 32768 for n in range(40)]
    for seq, window in enumerate(windows):
        client.send_window(1, seq, window, encoding=encoding, first_sample=seq * 8000, gap=seq == 5)
    for seq, window in enumerate(windows):
        answer = client.features()
        assert (answer.stream, answer.seq, answer.first_sample, answer.gap) == (1, seq, seq * 8000, seq == 5)
        np.testing.assert_allclose(answer.vector, expected(window), atol=1e-5)


def test_the_numbers_of_windows_begin_again_after_the_last_of_32_bits(client: Client) -> None:
    last = 2**32 - 1
    client.open(firstSeq=last)
    for seq in (last, 0):
        client.send_window(1, seq, noise())
    assert [client.features().seq for _ in range(2)] == [last, 0]
    client.send("close", stream=1)
    assert client.expect("closed")["nextSeq"] == 1


def test_a_stream_can_begin_after_a_reconnection(url: str) -> None:
    first = greet(url)
    first.open()
    windows = [noise() for _ in range(6)]
    for seq in range(6):
        first.send_window(1, seq, windows[seq], first_sample=seq * RATE)
    answered = [first.features() for _ in range(3)]
    first.socket.socket.close()  # as a broken network: no close frame

    second = greet(url)
    second.open(firstSeq=3)
    for seq in range(3, 6):
        second.send_window(1, seq, windows[seq], first_sample=seq * RATE)
    answered += [second.features() for _ in range(3)]
    assert [answer.seq for answer in answered] == list(range(6))
    for answer, window in zip(answered, windows, strict=True):
        assert answer.first_sample == answer.seq * RATE
        np.testing.assert_allclose(answer.vector, expected(window), atol=1e-5)
    second.socket.close()


def test_a_long_window_is_embedded_as_a_whole_without_its_quiet_parts(client: Client) -> None:
    client.open()
    loud, quiet = noise(RATE), noise(RATE) / 100
    client.send_window(1, 0, np.concatenate([loud, quiet]))
    # Parts begin at 0, 0.5 and 1 s; the last is 40 dB under the first.
    middle = np.concatenate([loud[RATE // 2 :], quiet[: RATE // 2]])
    mean = (expected(loud) + expected(middle)) / 2
    vector = client.features().vector
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_several_streams_on_one_connection(client: Client) -> None:
    for stream in (3, 7, 2**32 - 1):
        client.open(stream)
    windows = {(stream, seq): noise(1600) for stream in (3, 7, 2**32 - 1) for seq in range(10)}
    for seq in range(10):
        for stream in (3, 7, 2**32 - 1):
            client.send_window(stream, seq, windows[stream, seq])
    answers: dict[int, list[Features]] = {3: [], 7: [], 2**32 - 1: []}
    for _ in range(30):
        answer = client.features()
        answers[answer.stream].append(answer)
    for stream, got in answers.items():
        assert [answer.seq for answer in got] == list(range(10))
        for answer in got:
            np.testing.assert_allclose(answer.vector, expected(windows[stream, answer.seq]), atol=1e-5)


def test_a_file_at_full_speed_does_not_hold_up_a_live_stream(client: Client) -> None:
    client.open(1)
    client.open(2)
    for seq in range(50):
        # Of different lengths, so that they cannot share a batch.
        client.send_window(1, seq, slow(16000 - seq) if seq < 3 else noise(16000 - seq))
    client.send_window(2, 0, noise(1600))
    before = []
    while not before or before[-1].stream != 2:
        before.append(client.features())
    # The worker had at most taken the next window of the file when the live one came.
    assert len([answer for answer in before if answer.stream == 1]) <= 3


def test_finalize_close_and_the_number_is_free_again(client: Client) -> None:
    client.open()
    for seq in range(4):
        client.send_window(1, seq, noise())
    client.send("finalize", stream=1)
    client.send("finalize", stream=1)
    assert [client.features().seq for _ in range(4)] == [0, 1, 2, 3]
    assert client.expect("finalized")["nextSeq"] == 4
    assert client.expect("finalized")["nextSeq"] == 4
    client.send_window(1, 4, noise())
    client.send("close", stream=1)
    assert client.features().seq == 4
    assert client.expect("closed")["nextSeq"] == 5
    # Credit that was under way when the stream ended is no fault.
    client.send("credit", stream=1, bytes=100)
    client.open(1, firstSeq=5)
    client.send_window(1, 5, noise())
    assert client.features().seq == 5


def test_cancel_drops_work_at_once(client: Client) -> None:
    client.open()
    for seq in range(20):
        client.send_window(1, seq, slow(RATE - 1) if seq == 1 else noise())
    assert client.features().seq == 0
    client.send("cancel", stream=1)
    assert client.expect("closed") == {"type": "closed", "stream": 1, "nextSeq": 1}
    # Windows that were under way are dropped, and no result follows.
    client.send_window(1, 20, noise())
    client.send("ping", id=9)
    assert client.expect("pong")["id"] == 9
    client.open(1)
    client.send_window(1, 0, noise())
    assert client.features().seq == 0


def test_errors_of_windows_answer_them_and_the_stream_goes_on(client: Client) -> None:
    maximum = client.open()["model"]["maximumSamples"]
    broken = noise()
    broken[5] = np.nan
    answers = []
    for seq, window in enumerate([noise(399), noise(), broken, noise(maximum + 1), noise()]):
        client.send_window(1, seq, window)
        answers.append(client.next_answer())
    seen = [answer.seq if isinstance(answer, Features) else (answer["seq"], answer["code"]) for answer in answers]
    assert seen == [(0, "TOO_SHORT"), 1, (2, "BAD_REQUEST"), (3, "TOO_LARGE"), 4]
    assert all(answer["stream"] == 1 and not answer["retryable"] for answer in answers if isinstance(answer, dict))


@pytest.mark.parametrize(
    ("change", "code", "retryable"),
    [
        ({"model": "nothing"}, "MODEL_NOT_FOUND", False),
        ({"model": "missing"}, "MODEL_FAILED", False),
        ({"model": "../fixture"}, "MODEL_NOT_FOUND", False),
        ({"sampleRate": 44100}, "SAMPLE_RATE", False),
    ],
)
def test_a_stream_that_cannot_be_opened_leaves_the_connection(
    client: Client, change: dict[str, Any], code: str, retryable: bool
) -> None:
    client.send("open", **open_fields(1) | change)
    error = client.expect("error")
    assert (error["code"], error["stream"], error["retryable"]) == (code, 1, retryable)
    assert "seq" not in error
    client.send("finalize", stream=1)  # was under way
    client.open(1)


def test_a_model_is_loaded_when_a_stream_asks_for_it(client: Client) -> None:
    assert client.open(model="other")["model"]["name"] == "other"
    client.send_window(1, 0, noise())
    client.features()


class TestCredit:
    def test_results_wait_for_the_clients_credit(self, client: Client) -> None:
        client.open(credit=ANSWER_BYTES + 10)
        for seq in range(3):
            client.send_window(1, seq, noise(800))
        assert client.features().seq == 0
        client.send("ping", id=1)
        client.expect("pong")
        client.send("credit", stream=1, bytes=ANSWER_BYTES - 10)
        assert client.features().seq == 1
        client.send("credit", stream=1, bytes=10 * ANSWER_BYTES)
        assert client.features().seq == 2

    def test_more_than_granted_ends_the_connection(self, client: Client) -> None:
        granted = client.open(credit=0)["credit"]
        window = noise(100_000)
        for seq in range(granted // (4 * window.size) + 1):
            client.send_window(1, seq, window)
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("CREDIT", 4413)

    def test_the_largest_window_fits_whenever_all_is_answered(self, client: Client) -> None:
        standing = granted = client.open()["credit"]
        longest = client.ready["models"][0]["maximumSamples"]
        for seq in range(30):
            client.send_window(1, seq, noise(4000))
            standing -= HEADER.size + 4 * 4000
        client.send("finalize", stream=1)
        while not (isinstance(message := client.receive(), dict) and message["type"] == "finalized"):
            if isinstance(message, dict):
                assert message["type"] == "credit"
                standing += message["bytes"]
        assert HEADER.size + 4 * longest <= standing <= granted
        client.send_window(1, 30, noise(longest))
        assert client.features().seq == 30

    def test_before_opened_nothing_is_granted(self, client: Client) -> None:
        client.send("open", **open_fields(1, model="other"))
        client.send_window(1, 0, noise())
        # Either the window was faster than the loading, or it found the stream open.
        first = client.receive()
        assert isinstance(first, dict)
        assert first["type"] in ("opened", "error")
        if first["type"] == "error":
            assert first["code"] == "CREDIT"

    @pytest.mark.parametrize("credit", [{"credit": 2**40}, {"credit": 8 << 20}])
    def test_too_much_credit_is_refused(self, client: Client, credit: dict[str, int]) -> None:
        client.send("open", **open_fields(1) | credit)
        if credit["credit"] == 8 << 20:
            client.expect("opened")
            client.send("credit", stream=1, bytes=1)
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("BAD_REQUEST", 4400)


class TestBrokenRules:
    def test_a_hole_in_the_sequence(self, client: Client) -> None:
        client.open()
        client.send_window(1, 0, noise())
        client.send_window(1, 2, noise())
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("SEQUENCE", 4409)

    def test_another_encoding_than_the_streams(self, client: Client) -> None:
        client.open()
        client.send_window(1, 0, noise(), encoding="s16le")
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("BAD_FRAME", 4400)

    def test_a_window_after_close(self, client: Client) -> None:
        client.open(credit=0)
        client.send_window(1, 0, noise())
        client.send("close", stream=1)
        client.send_window(1, 1, noise())
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("BAD_REQUEST", 4400)

    def test_a_stream_that_was_never_opened(self, client: Client) -> None:
        client.send_window(1, 0, noise())
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("BAD_REQUEST", 4400)

    def test_a_number_that_is_open(self, client: Client) -> None:
        client.open()
        client.send("open", **open_fields(1))
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("BAD_REQUEST", 4400)

    def test_a_message_over_the_limit(self, client: Client) -> None:
        # The header of a binary message, without its payload: more bytes under way would make TCP drop the close frame.
        size = client.ready["limits"]["maxMessageBytes"] + 1
        client.socket.socket.sendall(b"\x82\xff" + size.to_bytes(8, "big") + b"\0\0\0\0")
        _, code = client.close_code()
        assert code == 1009

    def test_a_control_message_over_the_limit(self, client: Client) -> None:
        client.send("ping", id=1, padding="x" * 70_000)
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("TOO_LARGE", 1009)

    def test_text_that_is_not_utf8(self, client: Client, server: ServerProcess) -> None:
        client.socket.send(b"\xff\xfe", text=True)
        _, code = client.close_code()
        assert code == 1007
        assert "Traceback" not in server.log

    def test_too_many_streams(self, client: Client) -> None:
        most = client.ready["limits"]["maxStreams"]
        for stream in range(most):
            client.open(stream, encoding="s16le")
        client.send("open", **open_fields(most))
        error = client.expect("error")
        assert (error["code"], error["stream"], error["retryable"]) == ("OVERLOADED", most, True)
        assert error["retryAfterMs"] > 0


class TestHandshake:
    def test_hello_must_come_first(self, url: str) -> None:
        for early in ({"type": "ping", "id": 1}, open_fields(1) | {"type": "open"}):
            client = dial(url)
            client.send(early.pop("type"), **early)
            errors, code = client.close_code()
            assert (errors[-1]["code"], code) == ("BAD_REQUEST", 4400)

    def test_a_frame_before_hello(self, url: str) -> None:
        client = dial(url)
        client.socket.send(window_frame(1, 0, noise()))
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("BAD_REQUEST", 4400)

    def test_hello_twice(self, client: Client) -> None:
        client.send("hello", versions=[1], client="tests")
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("BAD_REQUEST", 4400)

    def test_no_common_version(self, url: str) -> None:
        client = dial(url)
        client.send("hello", versions=[2], client="tests")
        errors, code = client.close_code()
        assert (errors[-1]["code"], code) == ("VERSION", 4426)

    def test_silence(self, url: str) -> None:
        """Before, inside and after the request that opens the connection."""
        address = urlsplit(url)
        before, inside = (socket.create_connection((address.hostname, address.port)) for _ in range(2))
        inside.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: web")
        errors, code = dial(url).close_code()
        assert (errors[-1]["code"], code) == ("TIMEOUT", 4408)
        for silent in (before, inside):
            with silent:
                silent.settimeout(60)
                assert silent.recv(1) == b""

    def test_a_head_without_end(self, url: str, server: ServerProcess) -> None:
        address = urlsplit(url)
        before = server.rss_bytes()
        with socket.create_connection((address.hostname, address.port)) as endless:
            endless.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ")
            with pytest.raises(ConnectionError):
                endless.sendall(b"x" * (100 << 20))
        assert server.rss_bytes() - before < 16 << 20
