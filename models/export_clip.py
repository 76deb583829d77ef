"""CLIP for isomerge: the image tower as a TorchScript encoder, and class heads from the text tower.

    export_clip.py encoder --library open_clip --model ViT-B-32-quickgelu --like nonlinear_zeroshot.pt --skeleton --out encoder.pt
    export_clip.py encoder --library transformers --model clip-vit-base-patch32 --out encoder.pt --base base.safetensors
    export_clip.py heads --library open_clip --model ViT-B-32-quickgelu --weights openai --tasks tasks.json --out heads.safetensors

The encoder: forward(images [B, 3, H, W], already normalised) -> features [B, e], not normalised. Its parameters have the library's own names.
models/README.md says what to type for the published checkpoints. Needs torch, safetensors, and open_clip_torch or transformers.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from clip_vit import HuggingFaceTower, Shape, Tower, openclip_tower
from files import Refused, empty, read_tensors, require_same, run, write_script, write_tensors
from torch import nn

TOLERANCE = 1e-4  # largest relative difference to the library's features that is rounding
STRAY = {"input_resolution", "context_length", "vocab_size", "attn_mask"}  # beside the weights in TorchScript archives such as OpenAI's


class OpenClip:
    prefix = "visual."  # of the tower's names in the library's own state dict
    anchor = "conv1.weight"  # the tower's first tensor; finds the prefix in other files
    projection = None  # a part of the tower

    def __init__(self, arguments):
        import open_clip

        self.library, self.label = open_clip, f"open_clip {arguments.model}"
        self.name, tag = arguments.model, arguments.weights
        if self.name.endswith(".json"):
            if not Path(self.name).is_file():
                raise Refused(f"{self.name}: no such model configuration")
            open_clip.add_model_config(self.name)
            self.name = Path(self.name).stem
        if self.name not in open_clip.list_models():
            raise Refused(f"open_clip {open_clip.__version__} has no model {self.name}; it has {', '.join(open_clip.list_models())}")
        self.file = Path(tag) if tag and (Path(tag).exists() or "/" in tag or "." in tag) else None
        torch.manual_seed(arguments.seed)
        # Without a tag the library warns that weights are random; with a file they are loaded below.
        self.model = open_clip.create_model(self.name, pretrained=None if self.file else tag).float().eval()

    def load(self, visual_only):
        """The weights of --weights FILE, whatever precedes the names in it."""
        if not self.file:
            return
        found = read_tensors(self.file)
        prefix = prefix_in(self.file, found, "visual." + self.anchor)
        found = {name[len(prefix) :]: value.float() for name, value in found.items() if name.startswith(prefix)}
        model, label = self.model, str(self.file)
        if visual_only:
            model, found = model.visual, {name[len("visual.") :]: value for name, value in found.items() if name.startswith("visual.")}
        expected = {name: value.shape for name, value in model.state_dict().items()}
        require_same(label, expected, {name: value.shape for name, value in found.items() if name not in STRAY or name in expected})
        model.load_state_dict({name: found[name] for name in expected})

    def tower(self):
        """A plain module with the library's weights."""
        visual = self.model.visual
        if not hasattr(visual, "transformer") or not hasattr(visual, "class_embedding"):
            raise Refused(f"{self.label}: its image tower is a {type(visual).__name__}; only OpenCLIP's own vision transformers are exported")
        blocks, (height, width) = visual.transformer.resblocks, visual.image_size
        if height != width or visual.patch_size[0] != visual.patch_size[1]:
            raise Refused(f"{self.label}: images of {height}x{width} in patches of {visual.patch_size}; only squares are exported")
        d, e = visual.proj.shape
        shape = Shape(height, visual.patch_size[0], d, len(blocks), blocks[0].attn.num_heads, e)
        quick = type(blocks[0].mlp.gelu).__name__ == "QuickGELU"
        tower = Tower(shape, quick, blocks[0].mlp.c_fc.out_features, visual.ln_post.eps)
        return tower, with_weights(openclip_tower, tower, visual.state_dict(), self.label)

    def features(self, images):
        return self.model.encode_image(images)

    def text_embeddings(self, texts):
        return self.model.encode_text(self.library.get_tokenizer(self.name)(texts))

    def logit_scale(self):
        return self.model.logit_scale


class Transformers:
    prefix = "vision_model."
    anchor = "embeddings.patch_embedding.weight"
    projection = "visual_projection.weight"

    def __init__(self, arguments):
        from transformers import CLIPConfig, CLIPModel

        if arguments.weights:
            raise Refused("--weights: transformers takes its weights from the folder that --model names")
        self.source, self.label = arguments.model, f"transformers {arguments.model}"
        torch.manual_seed(arguments.seed)
        path = Path(arguments.model)
        random = path.is_file() or (path.is_dir() and not any(it.suffix in (".safetensors", ".bin") for it in path.iterdir()))
        try:
            config = CLIPConfig.from_pretrained(arguments.model)
            if config.model_type != "clip":
                raise Refused(f"{arguments.model}: expected a configuration of model_type clip, found {config.model_type}")
            if random:
                self.model = CLIPModel(config).eval()
                return
            self.model, loading = CLIPModel.from_pretrained(arguments.model, dtype=torch.float32, output_loading_info=True)
        except (OSError, ValueError) as error:
            raise Refused(f"{arguments.model}: {str(error).splitlines()[0]}") from None
        # The library only warns of these, and makes up random values.
        if lacking := sorted(loading["missing_keys"]):
            raise Refused(
                f"{arguments.model}: {len(lacking)} tensors of a CLIP model are missing, the first is {lacking[0]}; a folder with the image tower "
                "alone goes to --like, with a whole CLIP model for --model"
            )
        self.model.eval()

    def load(self, visual_only):
        pass

    def tower(self):
        vision = self.model.config.vision_config
        if vision.hidden_act not in ("quick_gelu", "gelu"):
            raise Refused(f"{self.label}: expected the activation quick_gelu or gelu, found {vision.hidden_act}")
        shape = Shape(vision.image_size, vision.patch_size, vision.hidden_size, vision.num_hidden_layers, vision.num_attention_heads,
                      self.model.visual_projection.out_features)  # fmt: skip
        tower = Tower(shape, vision.hidden_act == "quick_gelu", vision.intermediate_size, vision.layer_norm_eps)
        state = {name: value for name, value in self.model.vision_model.state_dict().items() if not name.endswith("position_ids")}
        return tower, with_weights(HuggingFaceTower, tower, state, self.label)

    def features(self, images):
        return self.model.visual_projection(self.model.vision_model(pixel_values=images).pooler_output)

    def text_embeddings(self, texts):
        from transformers import AutoTokenizer

        tokens = AutoTokenizer.from_pretrained(self.source)(texts, padding=True, truncation=True, return_tensors="pt")
        return self.model.text_projection(self.model.text_model(**tokens).pooler_output)

    def logit_scale(self):
        return self.model.logit_scale


LIBRARIES = {"open_clip": OpenClip, "transformers": Transformers}


def prefix_in(label, names, anchor):
    """What precedes `anchor` in the one name that ends with it."""
    found = [name for name in names if name == anchor or name.endswith("." + anchor)]
    if len(found) != 1:
        raise Refused(f"{label}: expected one tensor named [...]{anchor}, found {', '.join(found) or 'none'}")
    return found[0].removesuffix(anchor)


def with_weights(make, tower, state, label):
    """The module `make(tower)` around the tensors of `state`, without copies."""
    with torch.device("meta"):
        module = make(tower)
    expected = {name: value.shape for name, value in module.state_dict().items()}
    require_same(f"{label}: its image tower", expected, {name: value.shape for name, value in state.items()})
    module.load_state_dict(state, assign=True)
    return module.eval()


def put(root, name, value):
    """Hangs a module or a tensor below `root` under a dotted name. Tensors become buffers: nothing trains them."""
    *parents, last = name.split(".")
    for parent in parents:
        if not hasattr(root, parent):
            root.add_module(parent, nn.Module())
        root = getattr(root, parent)
    if isinstance(value, nn.Module) and hasattr(root, last):  # made for a name below it
        raise Refused(f"{name}: the checkpoint has a tensor of this name, where the image tower belongs")
    if isinstance(value, nn.Module):
        root.add_module(last, value)
    else:
        root.register_buffer(last, value)


def names_for(library, module, arguments):
    """-> prefix of the tower's names, name of the projection or None, name -> tensor of what the encoder only carries along."""
    if not arguments.like:
        return library.prefix if arguments.prefix is None else arguments.prefix, library.projection, {}
    label, like = arguments.like, read_tensors(arguments.like)
    if arguments.prefix is None:
        prefix = prefix_in(label, like, library.anchor)
    else:
        prefix = arguments.prefix
    own = {prefix + name: value for name, value in module.state_dict().items()}
    projection = library.projection
    if projection in like:
        own[projection] = library.model.visual_projection.weight
    else:
        projection = None
    require_same(label, {name: value.shape for name, value in own.items()}, {name: like[name].shape for name in own if name in like})
    return prefix, projection, {name: value for name, value in like.items() if name not in own}


def assemble(library, module, prefix, projection, carried):
    """The encoder as one TorchScript module. A projection that is not bound from checkpoints is held in a list, out of their sight."""
    at_root = prefix == ""
    root = module if at_root else nn.Module()
    if not at_root:
        put(root, prefix.removesuffix("."), module)
    root.__class__ = type("Encoder", (type(root),), {})  # a type of its own: it gets a method below
    for name, value in carried.items():
        put(root, name, value)
    path = "self" if at_root else f"self.{prefix.removesuffix('.')}"
    if library.projection is None:
        if at_root:
            return torch.jit.script(root.eval())
        body = f"{path}(images)"
    else:
        weight = library.model.visual_projection.weight.detach()
        if projection:
            put(root, projection.removesuffix(".weight"), nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta"))
            root.visual_projection.load_state_dict({"weight": weight}, assign=True)
            body = f"self.visual_projection({path}.pooled(images))"
        else:
            root.fixed = torch.jit.Attribute([weight.clone()], list[torch.Tensor])
            body = f"torch.nn.functional.linear({path}.pooled(images), self.fixed[0])"
    scripted = torch.jit.script(root.eval())
    scripted.define(f"def forward(self, images: Tensor) -> Tensor:\n    return {body}\n")
    return scripted


def check(library, scripted, tower):
    """The module computes what the library computes, on random images. -> largest difference, relative to the largest feature"""
    images = torch.randn(2, 3, tower.shape.image, tower.shape.image, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        want, got = library.features(images), scripted(images)
    difference = ((got - want).abs().max() / want.abs().max()).item()
    if not difference <= TOLERANCE:
        raise Refused(
            f"{library.label}: the exported module differs from the library by {difference:.1e} relative; "
            "this tower has something that the exporter does not know"
        )
    return difference


def make_encoder(arguments):
    if arguments.prefix and not (arguments.prefix.endswith(".") and all(part.isidentifier() for part in arguments.prefix[:-1].split("."))):
        raise Refused(f"--prefix {arguments.prefix}: expected names that end with a dot each, such as model.visual.")
    library = LIBRARIES[arguments.library](arguments)
    library.load(visual_only=True)
    tower, module = library.tower()
    prefix, projection, carried = names_for(library, module, arguments)
    scripted = assemble(library, module, prefix, projection, carried)
    difference = check(library, scripted, tower)
    if arguments.base:
        write_tensors(arguments.base, scripted.state_dict())
    count = sum(value.numel() for value in module.parameters())
    if arguments.skeleton:
        empty(scripted)
    write_script(arguments.out, scripted)
    shape = tower.shape
    print(f"{arguments.out}: {library.label}, image {shape.image}, patch {shape.patch}, width {shape.width}, {shape.layers} blocks of {shape.heads} heads, "
          f"embedding {shape.embedding}, {tower.activation}, {count:,} parameters under {prefix or 'no prefix'}; "
          f"differs from the library by {difference:.1e} relative")  # fmt: skip
    if projection is None and library.projection:
        print(f"  {library.projection} is in no checkpoint of this kind: the encoder holds it, as {arguments.model} has it")
    if carried:
        print(f"  carried along, not computed with: {', '.join(sorted(carried))}")
    if not tower.quick_gelu and arguments.library == "open_clip":
        print("  GELU: OpenAI's weights, and what was fine-tuned from them, want QuickGELU (--model ...-quickgelu)")


def read_tasks(path):
    """-> task -> (classes as texts, templates)"""
    try:
        listed = json.loads(Path(path).read_text())
    except ValueError as error:
        raise Refused(f"{path}: not JSON: {error}") from None
    if not isinstance(listed, dict) or not listed:
        raise Refused(f'{path}: expected {{"task": {{"classes": [...], "templates": [...]}}, ...}}')
    tasks = {}
    for task, entry in listed.items():
        if not isinstance(entry, dict) or entry.keys() != {"classes", "templates"}:
            raise Refused(f"{path}: {task}: expected the keys classes and templates, found {', '.join(entry) if isinstance(entry, dict) else entry}")
        for key, values in entry.items():
            if not isinstance(values, list) or not values:
                raise Refused(f"{path}: {task}: {key}: expected a list with at least one entry, found {values}")
        for template in entry["templates"]:
            if not isinstance(template, str) or template.count("{}") != 1:
                raise Refused(f"{path}: {task}: expected templates with one {{}} for the class, found {template}")
        tasks[task] = [str(name) for name in entry["classes"]], entry["templates"]
    return tasks


def head(library, classes, templates):
    """W [C, e]: row c is exp(logit_scale) times the renormalised mean, over the templates, of the normalised embeddings of class c."""
    rows = []
    for name in classes:
        embeddings = library.text_embeddings([template.replace("{}", name) for template in templates])  # [templates, e]
        mean = (embeddings / embeddings.norm(dim=-1, keepdim=True)).mean(dim=0)
        rows.append(mean / mean.norm() * library.logit_scale().exp())
    return torch.stack(rows)


def make_heads(arguments):
    tasks = read_tasks(arguments.tasks)
    library = LIBRARIES[arguments.library](arguments)
    library.load(visual_only=False)
    heads = {}
    with torch.no_grad():
        for task, (classes, templates) in tasks.items():
            heads[task] = head(library, classes, templates).float()
            print(f"{task}: {len(classes)} classes, {len(templates)} templates", file=sys.stderr)
    write_tensors(arguments.out, heads)
    print(f"{arguments.out}: {len(heads)} heads of {library.label}, logit scale {library.logit_scale().exp().item():.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in (("encoder", "the image tower as TorchScript"), ("heads", "class heads from the text tower")):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("--library", choices=LIBRARIES, required=True)
        command.add_argument("--model", required=True, metavar="NAME|PATH",
                             help="open_clip: a model's name or its .json; transformers: a folder, a name or a config.json (then weights are random)")  # fmt: skip
        command.add_argument("--weights", metavar="FILE|TAG", help="open_clip: safetensors, a state dict of torch.save, or one of the library's tags; "
                                                                   "random if not given")  # fmt: skip
        command.add_argument("--seed", type=int, default=0, help="of random weights")
        command.add_argument("--out", required=True, metavar="FILE")
        if name == "heads":
            command.add_argument("--tasks", required=True, metavar="JSON", help='{"cars": {"classes": [...], "templates": ["a photo of a {}."]}, ...}')
            continue
        command.add_argument("--like", metavar="FILE", help="a checkpoint that the encoder shall fit: its names, and what else it holds")
        command.add_argument("--prefix", metavar="TEXT", help="what precedes the tower's own names (open_clip: visual., transformers: vision_model.)")
        command.add_argument("--skeleton", action="store_true", help="no weights in the file: checkpoints bring them")
        command.add_argument("--base", metavar="FILE", help="the weights as safetensors, too")
    arguments = parser.parse_args()
    (make_encoder if arguments.command == "encoder" else make_heads)(arguments)


if __name__ == "__main__":
    run("export_clip", main)
