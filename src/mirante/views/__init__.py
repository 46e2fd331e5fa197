"""Views: figures, the dashboard file and the experiment report; data in, pictures and pages out."""
