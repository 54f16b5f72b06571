"""The booklet of `cds docs`: what the content says and when, for clinicians, written from definitions and case files.

`terms` finds what expressions rest on and in which words, `chapters` collects what there is to say of each decision,
`page` writes it as GitHub Markdown.
"""
