"""Signals and threads: Ctrl-C stops a run, the process goes on, and other threads run meanwhile."""

import gc
import os
import signal
import threading
import time
import unittest

import numpy as np

import bitjoule

ONE_TILE = {
    "accelerator.buffers.input.capacity": "1 GiB",
    "accelerator.buffers.weight.capacity": "1 GiB",
    "accelerator.buffers.scale.capacity": "16 MiB",
    "accelerator.buffers.accumulator.capacity": "4 GiB",
    "accelerator.buffers.output.capacity": "4 GiB",
    "mapping.tile.m": 1 << 20,
    "mapping.tile.n": 1 << 21,
    "mapping.tile.k": 1 << 20,
}

# Each takes minutes, in another part of the work: the array PE by PE, quantization,
# expected outputs, tiles that are large.
LONG = {
    "pe": {"layer": {"gemm": {"m": 4096, "n": 4096, "k": 4096}}, "fidelity": "pe", "values": "off"},
    "operands": {
        "layer": {"gemm": {"m": 1, "n": 1 << 14, "k": 1 << 14}},
        "precision.weights.format": "q4_k",
        "precision.activations.format": "fp16",
    },
    "oracle": {"layer": {"gemm": {"m": 2048, "n": 2048, "k": 16384}}, "verify": "full"},
    "tiles": {
        "layer": {"gemm": {"m": 16384, "n": 4096, "k": 4096}},
        "verify": "off",
        "precision.weights.format": "fp32",
        "precision.activations.format": "fp32",
        "accelerator.buffers.input.capacity": "64 MiB",
        "accelerator.buffers.weight.capacity": "256 MiB",
        "accelerator.buffers.accumulator.capacity": "64 MiB",
        "accelerator.buffers.output.capacity": "64 MiB",
    },
    # One tile: its values, and the requests to the DRAM that fill the buffers for it.
    "tile": {
        **ONE_TILE,
        "layer": {"gemm": {"m": 6144, "n": 6144, "k": 6144}},
        "verify": "off",
        "precision.weights.format": "fp32",
        "precision.activations.format": "fp32",
    },
    "bursts": {
        **ONE_TILE,
        "accelerator.buffers.weight.capacity": "64 GiB",
        "dram": "lpddr5-6400-x64.yaml",
        "dram.organization.rows": 1 << 20,
        "layer": {"gemm": {"m": 64, "n": 1 << 21, "k": 16384}},
        "values": "off",
    },
}
AUTO = {"precision.mac": "auto"}
SMALL = {"layer": {"gemm": {"m": 1, "n": 64, "k": 64}}}


class InterruptTest(unittest.TestCase):
    def setUp(self):
        import warnings

        warnings.simplefilter("ignore", bitjoule.SettingWarning)

    def test_ctrl_c_stops_every_part_of_the_work(self):
        """By the time that this process spends between the signal and the exception, without the
        system's: large memory that is let go takes its own."""
        expected = bitjoule.run("runs/quickstart.yaml", set=SMALL).to_dict()
        for name, values in LONG.items():
            for delay in (0.3, 1.0, 2.5):
                with self.subTest(name, delay=delay):
                    spent = []

                    def interrupt():
                        spent.append(os.times().user)
                        os.kill(os.getpid(), signal.SIGINT)

                    timer = threading.Timer(delay, interrupt)
                    timer.start()
                    try:
                        with self.assertRaises(KeyboardInterrupt):
                            bitjoule.run("runs/quickstart.yaml", set={**AUTO, **values})
                    finally:
                        timer.cancel()
                    self.assertLess(os.times().user - spent[0], 0.5)
                    again = bitjoule.run("runs/quickstart.yaml", set=SMALL)
                    self.assertEqual(again.to_dict(), expected)

    def test_a_machine_goes_on_after_ctrl_c(self):
        machine = bitjoule.Machine("runs/quickstart.yaml")
        expected = machine.run(set=SMALL).to_dict()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with self.assertRaises(KeyboardInterrupt):
            machine.run(set={**AUTO, **LONG["oracle"]})
        self.assertEqual(machine.run(set=SMALL).to_dict(), expected)

    def test_handlers_of_ones_own(self):
        """They may raise what they want, go on, and let machines go; they cannot run one."""
        machine = bitjoule.Machine("runs/quickstart.yaml")
        machine.run(set=SMALL)
        machines, seen = [machine], []
        del machine

        def handler(*_):
            if machines:
                machines.clear()
                gc.collect()
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                return
            try:
                bitjoule.run("runs/quickstart.yaml", set=SMALL)
            except bitjoule.InputError as error:
                seen.append(str(error))
            raise TimeoutError("enough")

        before = signal.signal(signal.SIGALRM, handler)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with self.assertRaisesRegex(TimeoutError, "enough"):
            bitjoule.run("runs/quickstart.yaml", set={**AUTO, **LONG["oracle"]})
        self.assertEqual(len(seen), 1)
        self.assertIn("signal handler", seen[0])

    def test_other_threads_run_meanwhile(self):
        counted, stop = [0], threading.Event()

        def count():
            while not stop.is_set():
                counted[0] += 1
                time.sleep(0.001)

        thread = threading.Thread(target=count)
        thread.start()
        before = counted[0]
        bitjoule.run("runs/quickstart.yaml", set={"verify": "off"})
        during = counted[0] - before
        stop.set()
        thread.join()
        self.assertGreater(during, 5)

    def test_runs_of_several_threads_take_turns(self):
        gemms = [{"gemm": {"m": 1 + i, "n": 64, "k": 64}} for i in range(4)]
        expected = [
            bitjoule.run("runs/quickstart.yaml", set={"layer": gemm}).to_dict() for gemm in gemms
        ]
        results = [[] for _ in gemms]

        def work(i):
            machine = bitjoule.Machine("runs/quickstart.yaml")
            for _ in range(5):
                results[i].append(machine.run(gemms[i]).to_dict())
                results[i].append(bitjoule.run("runs/quickstart.yaml", set={"layer": gemms[i]}).to_dict())
                bitjoule.quantize(np.ones((4, 64), np.float32), "q4_0")

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(gemms))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i, mine in enumerate(results):
            self.assertEqual(len(mine), 10)
            self.assertTrue(all(result == expected[i] for result in mine))


if __name__ == "__main__":
    unittest.main()
