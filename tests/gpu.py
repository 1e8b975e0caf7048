"""Which CUDA device the tests marked gpu run on. `python -m tests.gpu` names it, or fails where there is none."""

import sys


def main() -> int:
    import torch

    if not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        print(f"There is no CUDA device here: torch {torch.__version__}, {built}, finds none.", file=sys.stderr)
        print("Run make gpu where nvidia-smi lists one; make test has all other tests.", file=sys.stderr)
        return 1
    memory = torch.cuda.get_device_properties().total_memory / 1e9
    print(f"Tests on {torch.cuda.get_device_name()}, {memory:.1f} GB, one of {torch.cuda.device_count()}:")
    return 0


if __name__ == "__main__":
    sys.exit(main())
