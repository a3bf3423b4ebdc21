from typing import Any, Dict, List, Tuple

import numpy as np

_Settings = List[Tuple[str, str]]
_Arrays = Dict[str, np.ndarray]
_Answer = Tuple[Dict[str, Any], Any, List[str], str, "Report"]

class Given:
    def __init__(self, text: str, is_file: bool, name: str) -> None: ...

class Report:
    def text(self) -> str: ...

class Machine:
    def __init__(self, config: Given, set: _Settings) -> None: ...
    def run(
        self,
        set: _Settings,
        inputs: _Arrays,
        weights: _Arrays,
        bias: _Arrays,
        outputs: bool,
        unshared: bool,
    ) -> _Answer: ...

class Sweep:
    name: str
    question: str
    columns: List[str]
    metrics: List[str]
    notes: List[str]
    def __init__(self, config: Given, set: _Settings, max_points: int) -> None: ...
    def __len__(self) -> int: ...
    def labels(self, index: int) -> List[str]: ...
    def hash(self, index: int) -> str: ...
    def run(self, index: int) -> Tuple[Dict[str, Any], Dict[str, Any]]: ...

def run(
    config: Given,
    set: _Settings,
    inputs: _Arrays,
    weights: _Arrays,
    bias: _Arrays,
    outputs: bool,
    unshared: bool,
) -> _Answer: ...
def encode(array: np.ndarray, format: Given) -> np.ndarray: ...
def decode(data: np.ndarray, shape: List[int], format: Given) -> np.ndarray: ...
def quantize(
    array: np.ndarray, format: Given
) -> Tuple[np.ndarray, np.ndarray, Dict[str, Any], float, Dict[str, Any]]: ...
def formats() -> List[Tuple[str, int, str]]: ...
def version() -> str: ...
def configs_dir() -> str: ...
