"""Measuring models: pictures of prompts, what a judge takes them for, and a report that can be looked at.

prompts    lines of a file, each with the labels that its picture should get
pictures   who draws them: a model, or a baseline that does without one
verdicts   what the judge says of each, and how many are right
report     report.json, report.md and sheet.png
"""
