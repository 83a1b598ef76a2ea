"""The page. The only package that imports Gradio."""
