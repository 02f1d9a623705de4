"""Audits: what a model has picked up that nobody asked it for.

bias      does it draw professions and traits one way, by a CLIP
            subjects     what is asked for, and what pictures are compared with
            people       whether a release's world has people at all
            drawing      the pictures, kept so that a stopped audit goes on
            marking      what a CLIP finds nearest
            statistics   intervals and tests
copies    are its pictures those it learned from
            likeness     how near two pictures are, by embedding and by tokens
            nearest      the nearest of a set that is read once

The reports are one HTML page each; `bias_report` and `copies_report` write them.
"""
