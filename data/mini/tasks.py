"""The table of the twenty tasks: what is to be recognised, where it is drawn from, and how it is seen.

Every task has a *look* (looks.py): the corruption or domain that separates it from the clean pretraining mixture. Classes and looks were
chosen for variety and difficulty before any model was merged, and are frozen.
"""

from dataclasses import dataclass

HOLDOUT_SEED = 20  # decides which font families are held out; changing it changes every font task


@dataclass(frozen=True)
class Task:
    name: str
    title: str
    kind: str  # glyphs, icons, emoji, flags: drawings kept as masters; fashion, digits, pen_digits: photographed or written
    concepts: dict  # class name -> character, icon names, emoji name or country
    look: str
    colour: bool
    train: int = 3000
    val: int = 300
    test: int = 1000


def _letters(script, characters):
    """Class names carry the script, so that every concept of the joint head has one name."""
    return {f"{script} {character}": character for character in characters}


def _words(text):
    return {word: (word,) for word in text.split()}


FASHION = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]

# Icon sets name the same thing differently: class -> the names to try, in this order.
ICONS = {
    **_words("star heart bookmark cloud calendar key flag umbrella moon trophy rocket scissors folder eye wallet pause"),
    "camera": ("photo-camera", "camera"),
    "house": ("home", "house", "home-1", "home-simple"),
    "globe": ("globe", "world", "global", "earth", "globe-alt"),
    "telephone": ("telephone", "call", "phone", "phone-call"),
    "gift": ("gift", "card-giftcard"),
    "padlock": ("lock", "lock-closed", "locked"),
    "bell": ("bell", "notifications"),
    "magnifier": ("search", "magnifying-glass", "magnify", "magnifer"),
    "cart": ("shopping-cart", "cart-large", "cart"),
    "light bulb": ("lightbulb", "light-bulb", "bulb", "idea"),
    "shield": ("shield",),
    "bin": ("trash", "trash-can", "trash-bin", "trash-2", "delete-bin"),
}

EMOJI = {
    name.replace("-", " "): name
    for name in (
        "red-apple banana grapes watermelon strawberry pineapple hamburger pizza birthday-cake hot-beverage beer-mug frog panda pig-face "
        "cat-face dog-face penguin octopus turtle elephant automobile bicycle airplane sailboat rocket rainbow snowman christmas-tree "
        "jack-o-lantern ghost soccer-ball guitar alarm-clock crown sunflower umbrella"
    ).split()
}

FLAGS = {
    name.replace("-", " "): (name, code)
    for name, code in (
        pair.split(":")
        for pair in (
            "france:fr germany:de italy:it japan:jp brazil:br canada:ca india:in china:cn sweden:se norway:no greece:gr turkey:tr spain:es "
            "mexico:mx argentina:ar switzerland:ch israel:il jamaica:jm kenya:ke vietnam:vn portugal:pt south-korea:kr cuba:cu nepal:np"
        ).split()
    )
}

DIGITS = {f"digit {digit}": digit for digit in "0123456789"}
LATIN = _letters("latin", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
DEVANAGARI = _letters("devanagari", "अआइउएकखगघचछजझटठडढणतथदधनपफबभमयरलवशसह")
HIRAGANA = _letters("hiragana", "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめも")
GREEK = _letters("greek", "αβγδεζηθικλμνξοπρστυφχψω")
ARABIC = _letters("arabic", "ابجحدرسصطعفقكلمنهوي")
CYRILLIC = _letters("cyrillic", "БГДЖЗИЛПУФЦЧШЩЭЮЯЫ")
THAI = _letters("thai", "กขคงจฉชซญตถทธนบปผพมล")
HANGUL = _letters("hangul", "가나다라마바사아자차카타파하거너더러머버")
ETHIOPIC = _letters("ethiopic", "ሀለሐመሠረሰሸቀበተቸኀነኘአከወዐዘ")
HEBREW = _letters("hebrew", "אבגדהוזחטיכלמנסעפצקרשת")
TAMIL = _letters("tamil", "கஙசஞடணதநபமயரலவழளறன")
KANJI = _letters("kanji", "一山川日月水火木金土人口手目大小車馬魚鳥")
MATHS = _letters("maths", "∂∃∅∇∈∏∑√∞∧∩∪∫≈≠≤≥⊂+÷")
KATAKANA = _letters("katakana", "アイウエオカキクケコサシスセソタチツテトナニヌネノ")

TASKS = [
    Task("fashion", "Fashion-MNIST", "fashion", {name: index for index, name in enumerate(FASHION)}, "plain", False, train=10000),
    Task("digits", "Handwritten digits", "digits", DIGITS, "plain", False),
    Task("icons", "Icons in clutter", "icons", ICONS, "cluttered", True, train=6000),
    Task("flags", "Flags", "flags", FLAGS, "waving", True, train=6000),
    Task("latin_signs", "Latin letters on textures", "glyphs", LATIN, "sign", True, train=6000),
    Task("devanagari", "Devanagari, rotated", "glyphs", DEVANAGARI, "rotated", False),
    Task("hiragana", "Hiragana, low resolution", "glyphs", HIRAGANA, "coarse", False),
    Task("greek", "Greek, occluded and noisy", "glyphs", GREEK, "occluded", False),
    Task("emoji", "Emoji", "emoji", EMOJI, "lit", True, train=6000),
    Task("arabic", "Arabic, striped", "glyphs", ARABIC, "striped", False),
    Task("cyrillic", "Cyrillic, low contrast", "glyphs", CYRILLIC, "faint", False),
    Task("thai", "Thai, blurred", "glyphs", THAI, "blurred", False),
    Task("hangul", "Hangul in perspective", "glyphs", HANGUL, "tilted", False),
    Task("pen_digits", "Digits written on a tablet", "pen_digits", DIGITS, "plain", False, train=1000, val=100, test=600),
    Task("ethiopic", "Ethiopic, salt and pepper", "glyphs", ETHIOPIC, "speckled", False),
    Task("hebrew", "Hebrew, ink on paper", "glyphs", HEBREW, "paper", False),
    Task("tamil", "Tamil, in motion", "glyphs", TAMIL, "moving", False),
    Task("kanji", "Kanji tumbling in colour", "glyphs", KANJI, "tumbling", True),
    Task("maths", "Mathematical signs, mirrored light", "glyphs", MATHS, "shaded", False),
    Task("katakana", "Katakana, crowded", "glyphs", KATAKANA, "crowded", False),
]

# The order in which the pretraining mixture is drawn is its own: moving a task in the suite must not change the base.
MIXTURE = (
    "fashion digits icons emoji latin_signs devanagari hiragana greek flags arabic cyrillic thai hangul pen_digits ethiopic hebrew tamil kanji maths katakana"
).split()

# Concepts that no task asks for: the base has seen more than it is tested on.
EXTRA = {
    "georgian": _letters("georgian", "აბგდევზთიკ"),
    "armenian": _letters("armenian", "աբգդեզէըթժ"),
    "bengali": _letters("bengali", "অআইউএকখগঘচ"),
}


def by_name(name):
    return next(task for task in TASKS if task.name == name)
