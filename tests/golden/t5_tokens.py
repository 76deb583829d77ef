"""Writes golden/t5/tokens.json: awkward texts and the ids that HuggingFace's T5 tokenizers give them with the mini suite's spiece.model, at most 512.

    python3 -m venv DIR && DIR/bin/pip install transformers==4.57.3 sentencepiece==0.2.3 protobuf==7.36.2 && DIR/bin/python tests/golden/t5_tokens.py

That is the last series of `transformers` with the slow tokenizer, which is SentencePiece itself plus special tokens. A case has `ids` where slow and fast one
agree, else `slow`, `fast` and `why`.
"""

import hashlib
import json
import random
import unicodedata
from collections import Counter
from pathlib import Path

import transformers

HERE = Path(__file__).parent
MODEL = HERE.parents[1] / "models" / "mini" / "t5" / "spiece.model"
LIMIT = 512
WORDS = "Open the file and print its 3rd line. Die Datei wird geöffnet. if (x == NULL) return -1; łódź ő ñ à ß".split()
BY_HAND = [
    "", " ", "   ", "\n", "\t\r\n", "a", " a", "a ", "  a  b  ", "a\tb\nc\r\nd", "Hi there I'm good", "Hi   there\tI'm\n\ngood", "x" * 300,
    "ab " * 90, " " * 1000 + "z", "a" + "\n" * 500 + "b", "\u00a0x\u2003y\u3000z", "a\u2028b\u2029c", "a\x85b", "a\x0bb\x0cc",
    "a\x1cb\x1dc\x1ed\x1fe", "\ufeffa\ufeff", "a\u200bb\u200cc\u200dd\u2060e", "a\u180eb", "\x01\x02\x03", "a\x01b\x7fc", "\x1b[31mred\x1b[0m",
    "a\u00adb", "{}", "{ x: {} }", "[]()<>|\\~^`", "\"quoted\" 'text' “more” „text“", "…", "½ ⅓ ① Ⅳ ™ ℃ ㎏ ﬁ ﬀ", "ＦＵＬＬ　ｗｉｄｔｈ １２３", "ｶﾞｷﾞ",
    "é e\u0301 E\u0301", "o\u0308\u0304", "a" + "\u0301" * 40, "\u0301a", " \u0301", "Å Å Å", "ﷺ", "가 각 \u1100\u1161", "漢字かな交じり文", "中文，标点。", "한국어",
    "ไทย", "हिन्दी", "עברית abc", "العربية 123", "\u202eabc\u202c", "\u2066x\u2069", "🙂", "👩\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈 🇩🇪", "❤️ ❤", "👍🏽",
    "𝕳𝖊𝖑𝖑𝖔", "𠜎𠜱", "\U0010fffd", "\ue000\uf8ff", "\ufffd", "\uffff\ufffe", "Ελλάδα Россия", "ẞ ß ſ ı İ", "ŒŁØĐÞ", "-1 −1 – — ―", "1,234.56 €", "▁",
    "▁▁", "▁x", "a▁b", "a ▁ b", "<extra_id_0>", "<extra_id_99>", "<extra_id_100>", "<extra_id_00>", "<extra_id_>", "<extra_id_-1>", "<extra_id_0",
    "extra_id_0>", "< extra_id_0 >", "<EXTRA_ID_0>", "a <extra_id_0> b", "a<extra_id_0>b", "a <extra_id_0>b", "a<extra_id_0> b", "a  <extra_id_0>  b",
    "a\n<extra_id_0>\tb", "<extra_id_0><extra_id_1>", "<extra_id_0> <extra_id_1>", "<extra_id_0>\u00a0<extra_id_1>",
    "<extra_id_12> is <extra_id_1>2>", "<<extra_id_3>>", "x<extra_id_4", "The <extra_id_0> walks in <extra_id_1> park", "＜extra_id_0＞",
    "<extra\u200b_id_0>", "</s>", "a </s> b", "a</s>b", "</s></s>", "a </s>", "</s> a", "< /s>", "</S>", "<pad>", "a <pad> b", "<pad>a", "<unk>",
    "a<unk>b", "<s>", "a <s> b", "<0x41>", "</s><extra_id_5><pad>", "é<extra_id_7>é", "🙂<extra_id_8>🙂", "\u0301<extra_id_9>\u0301",
    "https://example.org/a?b=c&d=%20#e", "user@example.org", "C:\\Users\\x\\n", "#include <stdio.h>", "def f(x):\n    return x ** 2\n",
    "SELECT * FROM t WHERE a <> 'b';", "\\u0041 \\x41 &amp; &#65;", "A\u030a\u0323", "ﾊﾟ", "Ǆ ǆ ǅ", "²³¹ ₂ ª º", "a\u034fb", "\u115f\u1160\u3164",
    "a\u2800b", "x\ufe0fy\ufe0e", "\u061c\u200e\u200f", "ŀ ŉ", "㍿ ㌀", "Ⓐ ⓐ 🄰", "¨ ´ ¸ ˘", "ﬆ ﬅ", "℡ №", "⅐ ⁄ 1⁄2",
]  # fmt: skip


def random_texts(rng):
    blocks = [(0x20, 0x7F), (0xA0, 0x250), (0x250, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0xE00), (0x1100, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2070),
              (0x2070, 0x2BFF), (0x3000, 0x3200), (0x3200, 0x3400), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFFFF), (0x1D400, 0x1D7FF),
              (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF), (1, 0x20)]  # fmt: skip
    pieces = [*WORDS, " ", "  ", "\n", "\u00a0", "\u200b", "<extra_id_0>", "<extra_id_42>", "</s>", "<pad>", "\u0301", "{", "▁"]
    for block in blocks * 2:
        yield "".join(chr(rng.randrange(*block)) if rng.random() < 0.8 else " " for _ in range(24))
    for _ in range(25):
        yield "".join(chr(rng.randrange(*rng.choice(blocks))) for _ in range(30))
    for _ in range(40):
        yield "".join(rng.choice(pieces) + rng.choice(["", " "]) for _ in range(12))


def long_texts(slow, rng):
    """Around the limit: with the end 511, 512, 513 and far more tokens, and a sentinel where the text is cut."""
    word = next(it for it in WORDS if len(slow(it).input_ids) == 2)
    for count in (510, 511, 512, 513, 2000):
        yield " ".join([word] * count)
    for count in (509, 510, 511):
        yield " ".join([word] * count) + " <extra_id_0> <extra_id_1>"
    yield " ".join(rng.choice(WORDS) for _ in range(400))
    yield "\n".join(" ".join(rng.choice(WORDS) for _ in range(20)) for _ in range(40))


def why(text, slow, fast):
    if fast == [*slow, 1]:
        return "the slow one adds no end to a text that ends with one"
    if "extra_id" in unicodedata.normalize("NFKC", text):
        return "the fast one finds special tokens in the normalised text, too"
    return "the fast one normalises a character together with the marks that follow it"


def main():
    slow = transformers.T5Tokenizer(str(MODEL), extra_ids=100)
    fast = transformers.T5TokenizerFast(str(MODEL), extra_ids=100, add_prefix_space=True)  # as published tokenizer.json files are
    rng, cases = random.Random(1), []
    texts = [*BY_HAND, *random_texts(rng), *long_texts(slow, rng)]
    for text in dict.fromkeys(texts):
        a, b = (it(text, max_length=LIMIT, truncation=True).input_ids for it in (slow, fast))
        cases.append({"text": text, "ids": a} if a == b else {"text": text, "slow": a, "fast": b, "why": why(text, a, b)})
    digest = hashlib.sha256(MODEL.read_bytes()).hexdigest()
    head = {"model": "models/mini/t5/spiece.model", "sha256": digest, "limit": LIMIT, "vocabulary": len(slow), "transformers": transformers.__version__}
    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "t5" / "tokens.json").write_text(json.dumps(head)[:-1] + ',\n"cases": [\n' + lines + "\n]}\n")
    print(f"{len(cases)} texts, {Counter('ids' in case for case in cases)[False]} of them differ")


main()
