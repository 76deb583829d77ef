"""Templates of our own wording for the eleven language datasets, in the form of promptsource's files, and what each makes of an example."""

import json

EACH = "{% for c in choices.label %} {% if c == answerKey %}{{ answer_choices[loop.index - 1] }}{% endif %}{% endfor %} "
CAST = {"answers": "A ||| B ||| C ||| D", "yes": "No ||| Yes", "texts": '{{choices.text | join("|||")}}'}


def shown(value):
    """A text as a template shows it: at most 2048 characters, cut at a word (five more are let through)."""
    return value if len(value) <= 2053 else value[:2045].rsplit(" ", 1)[0] + "..."


def four(e):
    return [e[f"answer{k}"] for k in range(4)]


def three(e):
    return [e[f"answer{k}"] for k in "ABC"]


def texts(e):
    return e["choices"]["text"]


# name -> folder of its templates, position of the right choice, [(Jinja, choices in Jinja, the prompt that comes of it, its choices)]
WORDINGS = {
    "cosmos_qa": ("cosmos_qa", lambda e: e["label"], [
        ("{{context}}\n{{question}} ||| \n{{answer_choices[label]}}", "{{answer0}} ||| {{answer1}}|||{{answer2}} ||| {{answer3}}",
         lambda e: f"{shown(e['context'])}\n{shown(e['question'])}", four),
        ("Q: {{ question }}\n(A) {{answer0}} (D) {{answer3}}|||{{answer_choices[label]}}", CAST["answers"],
         lambda e: f"Q: {shown(e['question'])}\n(A) {e['answer0']} (D) {e['answer3']}", lambda e: list("ABCD"))]),
    "social_iqa": ("social_i_qa", lambda e: int(e["label"]) - 1, [
        ("{{context}} {{question}} {{answer_choices | join(', ')}}|||{{answer_choices[label | int - 1]}}", "{{answerA}} ||| {{answerB}} ||| {{answerC}}",
         lambda e: f"{shown(e['context'])} {shown(e['question'])} {', '.join(three(e))}", three),
        ('{{question}} {{answerB}}|||{{{"1": "A", "2": "B", "3": "C"}[label]}}', "A ||| B ||| C",
         lambda e: f"{shown(e['question'])} {e['answerB']}", lambda e: list("ABC"))]),
    "paws": ("paws/labeled_final", lambda e: e["label"], [
        ("Same? {{sentence1}} / {{sentence2}} ||| {{answer_choices[label]}}", CAST["yes"],
         lambda e: f"Same? {shown(e['sentence1'])} / {shown(e['sentence2'])}", lambda e: ["No", "Yes"]),
        ("{{ ['c', 'b', 'a', 'b', 'c'] | most_frequent | join }}{% for a, b in zip([1, 2], 'xy') %} {{a}}{{b}}{% endfor %}|||{{answer_choices[label]}}",
         CAST["yes"], lambda e: "cb 1x 2y", lambda e: ["No", "Yes"])]),
    "quail": ("quail", lambda e: e["correct_answer_id"], [
        ("{{context}} {{question}}{% for k in range(answers | length) %} {{') '.join([answer_choices[k], answers[k]])}}{% endfor %} |||"
         "{{ answer_choices[correct_answer_id] }}", CAST["answers"],
         lambda e: f"{shown(e['context'])} {shown(e['question'])}" + "".join(f" {k}) {a}" for k, a in zip("ABCD", e["answers"])), lambda e: list("ABCD")),
        ("{{question}}|||{{ answer_choices[correct_answer_id] }}", '{{answers | join("|||")}}', lambda e: shown(e["question"]), lambda e: e["answers"])]),
    "wiki_qa": ("wiki_qa", lambda e: e["label"], [
        ("{{question}}? {{answer}} ({{document_title}}) {{answer_choices[1]}}? ||| {{answer_choices[label]}}", CAST["yes"],
         lambda e: f"{shown(e['question'])}? {shown(e['answer'])} ({shown(e['document_title'])}) Yes?", lambda e: ["No", "Yes"])]),
    "quartz": ("quartz", lambda e: "AB".index(e["answerKey"]), [
        ("{% if '_____' in question %}{{ question | trim('.?!') | replace('_____', answer_choices | join(' or ')) }}{% else %}{{ question }} "
         "{{ answer_choices | most_frequent | join(' / ') }}{% endif %} {{ para }}|||{{answer_choices[choices.label.index(answerKey)]}}", CAST["texts"],
         lambda e: (shown(e["question"].strip(".?!").replace("_____", " or ".join(texts(e)))) if "_____" in e["question"] else
                    f"{shown(e['question'])} {' / '.join(texts(e))}") + f" {shown(e['para'])}", texts)]),
    "qasc": ("qasc", lambda e: "ABCDEFGH".index(e["answerKey"]), [
        ("{{ fact1[0]|lower }}{{ fact1[1:]|trim('.') }}, {{fact2}}: {{question}} ||| \n" + EACH, CAST["texts"],
         lambda e: f"f{e['fact1'][1:-1]}, {shown(e['fact2'])}: {shown(e['question'])}", texts),
        ("{{ combinedfact }} {{question}}|||" + EACH, CAST["texts"], lambda e: f"{e['combinedfact']} {shown(e['question'])}", texts),
        ("{{question}} {{answer_choices | join('; ')}}|||" + EACH, CAST["texts"], lambda e: f"{shown(e['question'])} {'; '.join(texts(e))}", texts)]),
    "ropes": ("ropes", None, [
        ("{% if answers.text %}\n{{background}} {{situation}}\n{{question}}\n|||\n{{ answers.text | choice }}\n{% endif %}", None,
         lambda e: f"{shown(e['background'])} {shown(e['situation'])}\n{shown(e['question'])}", None),
        ("{{question}}|||{{ answers.text | choice }}", None, lambda e: shown(e["question"]), None)]),
    "story_cloze": ("story_cloze/2016", lambda e: e["answer_right_ending"] - 1, [
        ("{{input_sentence_1}} {{input_sentence_2}} {{input_sentence_3}} {{input_sentence_4}} - {{answer_choices | join('\n- ')}} ||| "
         "{{answer_choices[answer_right_ending -1]}}", "{{sentence_quiz1}} ||| {{sentence_quiz2}}",
         lambda e: " ".join(shown(e[f"input_sentence_{k}"]) for k in (1, 2, 3, 4)) + f" - {e['sentence_quiz1']}\n- {e['sentence_quiz2']}",
         lambda e: [e["sentence_quiz1"], e["sentence_quiz2"]])]),
    "winogrande": ("winogrande/winogrande_xl", lambda e: int(e["answer"]) - 1, [
        ("{{ sentence }}: {{ option1 }} or {{option2}}? ||| {% if answer == '1' %} {{option1}} {% else %} {{ option2 }} {% endif %}",
         "{{ option1 }} ||| {{ option2 }}", lambda e: f"{shown(e['sentence'])}: {e['option1']} or {e['option2']}?",
         lambda e: [e["option1"], e["option2"]])]),
    "wsc": ("super_glue/wsc.fixed", lambda e: e["label"], [
        ('{{ text.split(" ")[span2_index:] | join(" ") | replace(span2_text, span1_text) }} ||| {% if label != -1 %}{{ answer_choices[label] }}{% endif %}',
         "False ||| True", lambda e: " ".join(e["text"].split(" ")[e["span2_index"]:]).replace(e["span2_text"], e["span1_text"]),
         lambda e: ["False", "True"]),
        ("{{text}} {{ span1_text }}, {{ span2_text.lower() }} {{ span2_index }}?|||{{ answer_choices[label] }}", CAST["yes"],
         lambda e: f"{e['text']} {e['span1_text']}, {e['span2_text'].lower()} {e['span2_index']}?",
         lambda e: ["No", "Yes"])]),
}


def template(number, jinja, choices, name="worded", original="true", metrics=("Accuracy",)):
    key = f"{number:08d}-0000"
    return (f"  {key}: !Template\n    answer_choices: {json.dumps(choices)}\n    id: {key}\n    jinja: {json.dumps(jinja)}\n    metadata: !TemplateMetadata\n"
            f"      choices_in_prompt: false\n      metrics: {json.dumps(metrics)}\n      original_task: {original}\n    name: {json.dumps(name)}\n"
            "    reference: ''\n")


def worded(path, dataset, entries):
    """A templates.yaml as promptsource has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"dataset: {dataset}\ntemplates:\n{''.join(entries)}")


def plant_templates(folder):
    """Between those that count stand others: another task, another metric, the one that MaTS leaves out."""
    for name, (where, _, wordings) in WORDINGS.items():
        metrics = ["Squad"] if name == "ropes" else ["Accuracy"]
        counted = [template(2 * number + 1, jinja, choices, f"wording {number}", metrics=metrics) for number, (jinja, choices, *_) in enumerate(wordings)]
        others = [template(0, "no||| no", "no ||| no", "another task", "false", metrics),
                  template(2, "no||| no", "no ||| no", "another metric", metrics=["BLEU"]),
                  template(4, "no||| no", "no ||| no", "both metrics", metrics=[*metrics, "BLEU"])]
        if name == "social_iqa":
            others.append(template(6, "no||| no", "no ||| no", "Check if a random answer is valid or not"))
        worded(folder / "promptsource" / "templates" / where / "templates.yaml", name, [others[0], counted[0], *others[1:], *counted[1:]])


def expected(name, split, example, number):
    _, answer, wordings = WORDINGS[name]
    _, _, prompt, choices = wordings[number]
    rest = {"choices": choices(example), "answer": answer(example)} if choices else {"answers": example["answers"]["text"]}
    line = {"split": split, "prompt": prompt(example).strip(), **rest, "template": number}
    return json.dumps(line, ensure_ascii=False) + "\n"
