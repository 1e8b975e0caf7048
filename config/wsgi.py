"""What the web server calls (config/web.py)."""

import os

from django.core.wsgi import get_wsgi_application

from config.private import UMASK
from config.processes import SUPERVISED
from rewardtrain.death import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

if SUPERVISED in os.environ:  # a worker of Granian's main process, which is killed outright when the supervisor is
    die_with_parent()

os.umask(UMASK)
application = get_wsgi_application()
