"""The relay's tests share a stand-in provider and a running delivery, from the modules beside this file."""
