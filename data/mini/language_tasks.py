"""The eight tasks of the mini language suite: what is asked, how it is worded, and from which sources the items come.

An item is (key, fields): items with the same key stay in one split. The fields are the text that fills the templates and either choices and the number of
the right one, or answers.
"""

import random
import re
from collections import defaultdict
from dataclasses import dataclass

import language_sources as sources

LANGUAGES = {"Danish": "da", "Dutch": "nl", "English": "man", "French": "fr", "German": "de", "Hungarian": "hu", "Italian": "it", "Polish": "pl",
             "Portuguese": "pt_BR", "Spanish": "es"}  # fmt: skip
PROGRAMS = {
    "C": ("gnulib", "*.c"),
    "Go": ("golang-github-spf13-cobra-dev golang-golang-x-tools-dev golang-github-stretchr-testify-dev", "*.go"),
    "JavaScript": ("node-lodash libjs-jquery node-express node-underscore", "*.js"),
    "Lisp": ("elpa-magit elpa-helm", "*.el"),
    "Perl": ("libmojolicious-perl libmoose-perl libdatetime-perl", "*.pm"),
    "Python": ("python", "*.py"),
    "Ruby": ("ruby-sequel rake ruby-sinatra ruby-asciidoctor ruby-mechanize", "*.rb"),
    "Rust": ("librust-tokio-dev librust-regex-syntax-dev librust-rayon-dev librust-syn-dev librust-regex-dev librust-clap-dev librust-nom-dev", "*.rs"),
}
PARTS = ["noun", "verb", "adjective", "adverb"]
TOPICS = ["animal", "artifact", "body", "communication", "food", "person", "place", "plant"]
COUNTRIES = {"Croatian": "hr_HR", "German": "de_AT de_DE", "Irish": "ga_IE", "Italian": "it_IT", "Slovak": "sk_SK", "Spanish": "es_ES es_MX", "Zulu": "zu_ZA"}
SPELLINGS = ("right", "wrong")
MANUALS = {"command": (1, 8), "function": (2, 3), "format": (4, 5, 7)}
ENGLISH = ["manpages", "manpages-dev"]
COMMANDS = ["coreutils", "util-linux", "netpbm", "iproute2", "procps", "e2fsprogs", "xfsprogs", "mtools"]


@dataclass(frozen=True)
class Task:
    name: str
    title: str
    templates: tuple
    choices: tuple  # empty: generation
    source: str
    licence: str
    apart: str  # what validation, test and training do not share


TASKS = (
    Task("language", "Language of a fragment",
         ("Which language is this? {text}", "{text} What language was that written in? Options: {options}.",
          "The words \"{text}\" are taken from a manual in", "Choose the language of the text from {options}. Text: {text}"),
         tuple(LANGUAGES), "fragments of the Linux manual pages and their translations", "as each page says; see the packages' copyright files", "manual page"),
    Task("program", "Programming language of a snippet",
         ("In which programming language is this code? {text}", "{text} This is a piece of a program in",
          "Name the language of these lines. Options: {options}. Lines: {text}",
          "code: {text} language:"),
         tuple(PROGRAMS), "lines of libraries for eight programming languages", "free licences; see the packages' copyright files", "file"),
    Task("part", "Part of speech of a definition",
         ("Is the word with this definition a noun, a verb, an adjective or an adverb? {text}", "Definition: {text}. Part of speech:",
          "A dictionary explains a word as \"{text}\". The word is a", "Choose from {options}: what kind of word means {text}?"),
         tuple(PARTS), "definitions of WordNet 3.0", "WordNet licence", "definition"),
    Task("topic", "Topic of a definition",
         ("What is described here? Options: {options}. {text}", "Definition of a noun: {text}. Topic:", "The thing defined as \"{text}\" belongs to the topic",
          "{text}. Which of these is it: {options}?"),
         tuple(TOPICS), "definitions of WordNet 3.0 in eight of its files of nouns", "WordNet licence", "definition"),
    Task("origin", "Origin of a family name",
         ("Where does the family name {text} come from? Options: {options}.", "{text} is a surname. It is", "Origin of the name {text}:",
          "Choose from {options}. A person called {text} has ancestors whose names were"),
         tuple(COUNTRIES), "family names of the Python package Faker", "MIT", "beginning of a name, four letters"),
    Task("spelling", "Spelt right or wrong",
         ("Is the word {text} spelt right or wrong?", "{text} Spelling:", "Check this word and say {options}: {text}", "The spelling of {text} is"),
         SPELLINGS, "misspellings and corrections of the Python package codespell", "CC-BY-SA-3.0", "beginning of the right word, five letters"),
    Task("manual", "What a manual page is about",
         ("Is this sentence from the manual of a command, of a function or of a format? {text}", "{text} The manual page that says so describes a",
          "Manual of a {options}? It says: {text}", "{text} Kind of page:"),
         tuple(MANUALS), "sentences of Linux manual pages: sections 1 and 8, 2 and 3, 4 and 5 and 7", "as each page says; see the packages' copyright files",
         "manual page"),
    Task("past", "Past tense of a verb",
         ("What is the past tense of {text}?", "Today they {text}. Yesterday they", "{text}, in the past:", "Put the verb \"{text}\" into the past."),
         (), "verbs of the Python package LemmInflect", "MIT", "beginning of the verb, five letters"),
)  # fmt: skip


def fragment(sentence, rng):
    """Five to nine words of a sentence, most of them words."""
    words = sentence.split()
    length = rng.randint(5, 9)
    start = rng.randint(0, max(0, len(words) - length))
    chosen = words[start : start + length]
    return " ".join(chosen) if sum(word.strip(".,;:()").isalpha() for word in chosen) >= 5 else None


def of_class(classes, label):
    return {"choices": list(classes), "answer": list(classes).index(label)}


def manual_sentences(packages, locale="man"):
    """-> [(page, section, sentence)]; what several pages say alike is left out"""
    found = [(page, section, sentence) for page, section, text in sources.manual_pages(packages, locale) for sentence in text]
    pages = defaultdict(set)
    for page, _, sentence in found:
        pages[sentence].add(page)
    return [it for it in found if len(pages[it[2]]) == 1]


def translated(sentence):
    """False for what translators left in English."""
    return len(re.findall(r"\b(the|is|of|this|and|to|are)\b", sentence)) < 2


def sentences_by_language():
    """-> language -> [(page, sentence)]"""
    found = {"English": manual_sentences(ENGLISH)}
    for name, locale in LANGUAGES.items():
        if name != "English":
            package = "manpages-" + locale.lower().replace("_", "-")
            found[name] = [it for it in manual_sentences([package], locale) if translated(it[2])]
    return {name: [(page, text) for page, _, text in listed] for name, listed in found.items()}


def language(rng):
    for name, found in sentences_by_language().items():
        for page, sentence in found:
            if words := fragment(sentence, rng):
                yield page, {"text": words, **of_class(LANGUAGES, name)}


def program(rng):
    for name, (packages, pattern) in PROGRAMS.items():
        for file, lines in sources.code_files(packages.split(), pattern):
            for start in range(0, len(lines) - 2, 3):
                text = " ".join(lines[start : start + rng.randint(2, 3)])
                if 20 <= len(text) <= 110 and sum(character.isalpha() for character in text) > 0.4 * len(text):
                    yield file, {"text": text, **of_class(PROGRAMS, name)}


def short_gloss(text):
    text = re.sub(r"\([^)]*\)", "", text)
    text = " ".join(text.split(";")[0].split())
    return text if 12 <= len(text) <= 110 else None


def part(rng):
    for kind, _, definition, _ in sources.glosses():
        if text := short_gloss(definition):
            yield text, {"text": text, **of_class(PARTS, kind)}


def topic(rng):
    for _, name, definition, _ in sources.glosses():
        if name in TOPICS and (text := short_gloss(definition)):
            yield text, {"text": text, **of_class(TOPICS, name)}


def origin(rng):
    owners = defaultdict(set)
    for country, locales in COUNTRIES.items():
        for locale in locales.split():
            for name in sources.names(locale):
                owners[name].add(country)
    for name, countries in sorted(owners.items()):
        if len(countries) == 1:
            yield name[:4].lower(), {"text": name, **of_class(COUNTRIES, *countries)}


def spelling(rng):
    for wrong, right in sources.misspellings():
        if 4 <= len(right) <= 14:
            yield right[:5], {"text": right, **of_class(SPELLINGS, "right")}
            yield right[:5], {"text": wrong, **of_class(SPELLINGS, "wrong")}


def manual(rng):
    kinds = {section: kind for kind, sections in MANUALS.items() for section in sections}
    for page, section, sentence in manual_sentences(COMMANDS + ENGLISH):
        if section in kinds and len(sentence) <= 130:
            yield page, {"text": sentence, **of_class(MANUALS, kinds[section])}


def past(rng):
    for verb, forms in sources.verbs():
        yield verb[:5], {"text": verb, "answers": forms}


ITEMS = {task.name: globals()[task.name] for task in TASKS}


def items(task):
    return ITEMS[task.name](random.Random(f"items of {task.name}"))
