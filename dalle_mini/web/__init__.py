"""The page: Gradio over the pipeline, served by one process on one device.

`server.serve` is all that the rest of the program needs. Importing the package is light; Gradio is imported when the
page is built.
"""

import os

# Read by Gradio whenever it would report to its makers, or look for a newer version of itself.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# It remembers so many events, and makes tables of them whenever one fails.
os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
