// Denoises the image in front with QuietScope, which has to be installed: `pip install quietscope`.
//
// Fiji or ImageJ: Plugins > Macros > Install... (or Run...), choose this file. The image goes through a temporary TIFF
// to the command line, and what comes back gets the calibration, the dimensions and the colours of the image.
//
// From another macro, values that are not asked for then, one to a line; those left out are as below:
//     runMacro("QuietScope_Denoise.ijm", "program=/home/me/.venv/bin/quietscope\nmethod=instant\nbudget=");
//
// program  the command, with its folder: ImageJ is not started where a shell finds it
// method   trains on the very image and denoises it; see `quietscope presets`
// model    a model file in place of that, of `quietscope train`: nothing is trained
// budget   training time such as 4m; empty: as the preset has it

macro "QuietScope Denoise" {
    if (nImages == 0)
        exit("expected an open image; got none; open one and run this macro again");
    program = call("ij.Prefs.get", "quietscope.program", "quietscope");
    method = call("ij.Prefs.get", "quietscope.method", "instant");
    model = call("ij.Prefs.get", "quietscope.model", "");
    budget = call("ij.Prefs.get", "quietscope.budget", "");
    told = getArgument();
    if (told == "") {
        Dialog.create("QuietScope");
        Dialog.addFile("Command", program);
        Dialog.addString("Method", method, 20);
        Dialog.addString("Training time", budget, 20);
        Dialog.addFile("Or a model", model);
        Dialog.addMessage("ImageJ waits until the image is denoised.");
        Dialog.show();
        program = Dialog.getString();
        method = Dialog.getString();
        budget = Dialog.getString();
        model = Dialog.getString();
        call("ij.Prefs.set", "quietscope.program", program);
        call("ij.Prefs.set", "quietscope.method", method);
        call("ij.Prefs.set", "quietscope.budget", budget);
        call("ij.Prefs.set", "quietscope.model", model);
    } else {
        program = value(told, "program", "quietscope");
        method = value(told, "method", "instant");
        budget = value(told, "budget", "");
        model = value(told, "model", "");
    }
    denoise(program, method, budget, model);
}

function value(told, name, otherwise) {
    lines = split(told, "\n");
    for (i = 0; i < lines.length; i++)
        if (startsWith(lines[i], name + "="))
            return substring(lines[i], lengthOf(name) + 1);
    return otherwise;
}

function denoise(program, method, budget, model) {
    title = getTitle();
    getVoxelSize(width, height, depth, unit);
    getDimensions(x, y, channels, slices, frames);
    interval = Stack.getFrameInterval();
    getLut(reds, greens, blues);
    folder = getDirectory("temp") + "quietscope-" + d2s(getTime(), 0) + File.separator;
    File.makeDirectory(folder);
    // A copy, so that the image keeps its name and its place on the disk.
    setBatchMode(true);
    run("Duplicate...", "title=[QuietScope input] duplicate");
    saveAs("Tiff", folder + "image.tif");
    close();
    setBatchMode(false);
    showStatus("QuietScope: denoising " + title + " ...");
    result = run_program(program, method, budget, model, folder);
    if (!File.exists(result)) {
        said = File.openAsString(folder + "said.txt");
        remove(folder);
        exit("expected QuietScope to denoise the image; it said:\n" + said + "\nrun it in a terminal to see more");
    }
    // The image in front is now the result: it gets dimensions, calibration and colours of the one it was made of.
    open(result);
    if (nSlices == channels * slices * frames)
        Stack.setDimensions(channels, slices, frames);
    setVoxelSize(width, height, depth, unit);
    Stack.setFrameInterval(interval);
    if (channels == 1)
        setLut(reds, greens, blues);
    else
        run("Make Composite", "display=composite");
    resetMinAndMax();
    rename(title + " denoised");
    remove(folder);
    showStatus("QuietScope: done");
}

// Returns where the result lies if all went well; what the program said is in said.txt.
function run_program(program, method, budget, model, folder) {
    input = folder + "image.tif";
    output = folder + "out";
    result = output + File.separator + "image_denoised.ome.tif";
    if (model != "") {
        result = folder + "image_denoised.ome.tif";
        said = typed(program, "predict", model, input, "-o", result, "--seed", "0", "--overwrite");
    } else if (budget != "")
        said = typed(program, "denoise", input, "-o", output, "--method", method, "--budget", budget);
    else
        said = typed(program, "denoise", input, "-o", output, "--method", method, "--seed", "0");
    File.saveString(said, folder + "said.txt");
    return result;
}

// Runs the program, and returns what it printed; errors too, which a shell puts with the rest (not on Windows).
function typed(program, verb, a, b, c, d, e, f, g) {
    if (startsWith(getInfo("os.name"), "Windows"))
        return exec(program, verb, a, b, c, d, e, f, g);
    return exec("sh", "-c", "\"$0\" \"$@\" 2>&1 || true", program, verb, a, b, c, d, e, f, g);
}

function remove(folder) {
    names = getFileList(folder);
    for (i = 0; i < names.length; i++) {
        if (endsWith(names[i], "/"))
            remove(folder + names[i]);
        else
            quiet = File.delete(folder + names[i]);
    }
    quiet = File.delete(folder);
}
