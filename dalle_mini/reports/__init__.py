"""Reports that commands leave behind.

folder    a folder of their own, whose files appear together
page      one HTML page with everything inside it
"""
