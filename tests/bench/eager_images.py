"""eager_images.py --weights FILE --images FILE --precision fp32: images per second of open_clip in
eager mode, the yardstick of images_bench.py.

encode_image() of ViT-B-32-quickgelu under torch.inference_mode(), then the task's head. --images is a pack of
prepared images, or a list of image files, which the library's own preprocessing opens
in a DataLoader with as many workers as threads (none for one thread). --precision bf16 casts the
tower, autocast leaves its weights in fp32. One batch runs before the clock starts. Prints JSON: the
seconds, of the clock and of the processors without the workers, and the class of every image; --features FILE writes the features as well.
"""
import argparse
import json
import pathlib
import sys
import time
import warnings

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "interop"), str(HERE.parents[1] / "data")]
import clip_run

clip_run.declare()
import open_clip
import pack
from PIL import Image
from safetensors.torch import load_file, save_file

MODEL = "ViT-B-32-quickgelu"


class Files(torch.utils.data.Dataset):
    """The split `test` of a list of image files."""

    def __init__(self, path, preprocess):
        found = json.loads(path.read_text())
        self.files = [path.parent / found["folder"] / it[0] for it in found["splits"]["test"]]
        self.preprocess = preprocess

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.preprocess(Image.open(self.files[index]))


def prepared(path, size, mean, std):
    """Batches of a pack, normalised."""
    images = pack.read_split(path, "test")[1]
    mean, std = (torch.tensor(it).view(1, 3, 1, 1) for it in (mean, std))
    for first in range(0, len(images), size):
        batch = torch.from_numpy(np.array(images[first:first + size]))
        yield batch.float().div_(255).sub_(mean).div_(std)


def batches(args, model, preprocess):
    if args.images.suffix == ".pack":
        return prepared(args.images, args.batch, model.visual.image_mean, model.visual.image_std)
    workers = args.threads if args.threads > 1 else 0
    return torch.utils.data.DataLoader(Files(args.images, preprocess), args.batch,
                                       num_workers=workers)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--weights", type=pathlib.Path, required=True, help="of the image tower")
    parser.add_argument("--head", type=pathlib.Path, help="safetensors with the tensor `images`")
    parser.add_argument("--images", type=pathlib.Path, required=True)
    parser.add_argument("--precision", choices=("fp32", "bf16", "autocast"), default="fp32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--features", type=pathlib.Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    model, _, preprocess = open_clip.create_model_and_transforms(MODEL, pretrained=None)
    model.visual.load_state_dict({name.removeprefix("visual."): value
                                  for name, value in load_file(args.weights).items()})
    model = model.eval()
    dtype = torch.bfloat16 if args.precision == "bf16" else torch.float32
    model.visual.to(dtype)
    head = load_file(args.head)["images"] if args.head else None
    classes, features = [], []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16,
                                                enabled=args.precision == "autocast"):
        model.encode_image(torch.randn(args.batch, 3, 224, 224, dtype=dtype))
        start, processor_start = time.perf_counter(), time.process_time()
        for images in batches(args, model, preprocess):
            found = model.encode_image(images.to(dtype), normalize=True).float()
            features.append(found)
            if head is not None:
                classes += (found @ head.T).argmax(dim=1).tolist()
        seconds = time.perf_counter() - start
        processor_seconds = time.process_time() - processor_start
    if args.features:
        save_file({"features": torch.cat(features)}, args.features)
    print(json.dumps({"seconds": seconds, "processor_seconds": processor_seconds, "images": sum(map(len, features)), "classes": classes}))


if __name__ == "__main__":
    main()
