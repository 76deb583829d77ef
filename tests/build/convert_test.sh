#!/bin/bash
# Folders of images that data/convert.py must not take: no classes at all, a class that one part lacks. The twenty formats are in tests/interop/datasets_test.sh.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
python=.venv/bin/python
"$python" -c 'import numpy, xxhash' 2>/dev/null || { echo "convert: no numpy and xxhash in .venv"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

make_tree() {  # parts of a dataset with the classes a, b and c
  rm -rf "$folder/in"
  for part in "$@"; do
    for class in a b c; do
      mkdir -p "$folder/in/$part/$class"
      for i in 1 2 3 4; do echo "$part $class $i" > "$folder/in/$part/$class/$i.jpg"; done
    done
  done
}
convert() { "$python" data/convert.py "$1" "$folder/in" --out "$folder/out" > "$folder/said" 2>&1; }
fail() { echo "convert: $1"; cat "$folder/said"; exit 1; }
refused() {  # dataset, then what the message says; nothing may be left
  convert "$1" && fail "took what it should refuse"
  [ -z "$(ls "$folder/out")" ] || fail "something was written: $(ls "$folder/out")"
  for text in "${@:2}"; do grep -qF -- "$text" "$folder/said" || fail "no \"$text\""; done
}

make_tree dtd/train dtd/val
convert dtd || fail "refused a tree that is complete"
grep -q '"classes": \["a", "b", "c"\]' "$folder/out/dtd.images.json" || fail "not the classes"
grep -q '\["dtd/val/c/4.jpg", 2,' "$folder/out/dtd.images.json" || fail "not the label"
rm "$folder/out/dtd.images.json"
# Labels count the folders in their order: with `a` gone, b would be taken for a.
rm -r "$folder/in/dtd/val/a"; refused dtd "in/dtd/val: expected the 3 classes" "without a;"
make_tree dtd/train dtd/val; rm -r "$folder/in/dtd/train/b"; refused dtd "in/dtd/val" "found 3" "unknown there: b"
make_tree dtd/train dtd/val; rm -r "$folder/in/dtd/val/"*; refused dtd "in/dtd/val: no folder of a class"
make_tree dtd/train dtd/val; rm "$folder/in/dtd/val/b/"*; refused dtd "val/b: no images of class b"
make_tree EuroSAT_splits/test EuroSAT_splits/val; rm -r "$folder/in/EuroSAT_splits/val/b"; refused eurosat "EuroSAT_splits/val: expected the 3 classes" "without b;"
make_tree EuroSAT_splits/test; refused eurosat "EuroSAT_splits/val: no such file or folder"
make_tree sun397/train sun397/val; rm -r "$folder/in/sun397/val/c"; refused sun397 "sun397/val" "without c;"
echo "convert: 7 trees refused by name"
